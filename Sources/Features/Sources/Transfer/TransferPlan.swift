import Core

/// What is to be moved, with everything checked that can be checked before the target is touched.
struct TransferPlan: Sendable {
    struct Entry: Sendable {
        let rows: OriginRows
        let sources: [Source]
        let findings: Examination.Findings
        let target: TableName
        /// How to make the target's table; nil where there is one.
        let ddl: TargetDDL?
        /// Rows that the target's table has already.
        let rowsBefore: Bool

        var origin: OriginTable { rows.table }
    }

    let entries: [Entry]
    let particulars: [SourceID: SourceStore.Particulars]
    /// Whether sources, embeddings and jobs have the numbers that they had: where the target has none of its own.
    let keepsNumbers: Bool
    /// The origin's tables that no source watches.
    let others: [String]

    var notes: [TransferNote] {
        entries.flatMap { entry in
            let isPrior = entry.rowsBefore
            return (entry.ddl?.notes ?? entry.origin.notes)
                + (isPrior ? [TransferNote(.rowsBefore, entry.origin.name, entry.target.description)] : [])
        } + others.map { TransferNote(.otherTable, $0, "") }
    }
}

/// Makes a plan: reads the origin's catalogue and every one of its rows, and looks at the target.
struct TransferPlanning {
    let origin: any Database
    let target: any Database
    let intoExisting: Bool

    func plan(_ progress: (TransferProgress) -> Void) async throws -> TransferPlan {
        let sources = try await origin.read { connection in try SourceStore().all(on: connection) }
        guard !sources.isEmpty else {
            throw TransferError(
                .nothingToMove, "no table is attached there: nothing is to be moved, attach tables in the target itself"
            )
        }
        let particulars = try await origin.read { connection in
            try sources.reduce(into: [SourceID: SourceStore.Particulars]()) { all, source in
                all[source.id] = try SourceStore().particulars(of: source.id, on: connection)
            }
        }
        let (schema, isFresh) = try await target.read { connection in
            try requireRoom(for: sources, on: connection)
        }
        var entries: [TransferPlan.Entry] = []
        for group in Self.byTable(sources) {
            entries.append(try await entry(group, schema, progress))
        }
        return TransferPlan(
            entries: entries, particulars: particulars, keepsNumbers: isFresh,
            others: try await others(than: entries.map(\.origin.name)))
    }

    /// Sources of one table together, tables in the order of their first source.
    static func byTable(_ sources: [Source]) -> [[Source]] {
        var groups: [[Source]] = []
        for source in sources {
            let name = source.definition.table.lowercased()
            if let index = groups.firstIndex(where: { $0[0].definition.table.lowercased() == name }) {
                groups[index].append(source)
            } else {
                groups.append([source])
            }
        }
        return groups
    }

    /// - Returns: the schema that new tables go into, and whether the target has no source of its own.
    private func requireRoom(
        for sources: [Source], on connection: any Connection
    ) throws -> (schema: String, isFresh: Bool) {
        let present = try SourceStore().all(on: connection)
        guard present.isEmpty || intoExisting else {
            throw TransferError(
                .occupied,
                "the target has sources already (\(present.map(\.collection).joined(separator: ", "))): copy into an empty database, or add --into-existing to put these beside them"
            )
        }
        if let twin = sources.first(where: { source in present.contains { $0.collection == source.collection } }) {
            throw TransferError(
                .occupied,
                "the target has a collection \"\(twin.collection)\" already: take it off there with millrace source remove \(twin.collection), or copy into another database"
            )
        }
        let row = try connection.row(
            SQL(
                postgres:
                    "SELECT current_schema()::text, current_user::text, pg_catalog.has_schema_privilege(current_schema(), 'CREATE')::int"
            ))
        guard let row, let schema = row[0].text else {
            throw TransferError(
                .badTarget,
                "the target's search_path names no schema that exists, so that there is no place for tables: create one, or correct search_path"
            )
        }
        guard row.integer(2) != 0 else {
            throw TransferError(
                .badTarget,
                "role \(row.text(1)) may make no tables in schema \(schema) of the target: let its owner run GRANT CREATE ON SCHEMA \(Identifier(schema)) TO \(Identifier(row.text(1)))"
            )
        }
        return (schema, present.isEmpty)
    }

    // MARK: Tables

    private func entry(
        _ sources: [Source], _ schema: String, _ progress: (TransferProgress) -> Void
    ) async throws -> TransferPlan.Entry {
        let (table, isUTF8) = try await origin.read { connection in
            let encoding = try connection.row(SQL(sqlite: "SELECT encoding FROM pragma_encoding"))
            return (try OriginTable.read(sources, on: connection), encoding?[0].text == "UTF-8")
        }
        let name = TableName(schema: schema, table.name)
        let state = try await state(of: name)
        if state == .filled, !intoExisting {
            throw TransferError(
                .occupied,
                "the target has rows in its table \(name) already: empty or rename it, or add --into-existing to copy into it all the same"
            )
        }
        let rows = OriginRows(table, in: origin)
        let total = try await rows.count()
        let findings = try await Examination(rows: rows, isUTF8: isUTF8).run { done in
            progress(TransferProgress(.examining, table.name, done, of: total))
        }
        return TransferPlan.Entry(
            rows: rows, sources: sources, findings: findings, target: name,
            ddl: state == .absent ? try await ddl(table, findings, name) : nil, rowsBefore: state == .filled)
    }

    private enum State {
        case absent, empty, filled
    }

    private func state(of name: TableName) async throws -> State {
        try await target.read { connection in
            guard try Partitions.place(of: name, on: connection) != nil else { return .absent }
            return try connection.row(.both("SELECT 1 FROM \(name.quoted) LIMIT 1")) == nil ? .empty : .filled
        }
    }

    private func ddl(
        _ table: OriginTable, _ findings: Examination.Findings, _ name: TableName
    ) async throws -> TargetDDL {
        let forms = zip(table.columns, findings.columns).map { column, census in
            ColumnChoice(
                declaredType: column.declaredType, census: census, keepsSpelling: table.spelled.contains(column.name)
            ).form
        }
        var ddl = TargetDDL(table: table, target: name, forms: forms)
        try ddl.checkNames()
        ddl.takenNames = try await target.read { connection in
            try Set(
                table.indexes.map(\.name).filter { index in
                    try Partitions.place(of: TableName(schema: name.schema, index), on: connection) != nil
                })
        }
        return ddl
    }

    private func others(than tables: [String]) async throws -> [String] {
        let known = Set(tables.map { $0.lowercased() })
        return try await origin.read { connection in
            try connection.rows(
                SQL(
                    sqlite: """
                        SELECT name FROM sqlite_schema
                        WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                            AND name NOT LIKE 'millrace\\_%' ESCAPE '\\'
                        ORDER BY name
                        """)
            ).map { $0.text(0) }.filter { !known.contains($0.lowercased()) }
        }
    }
}
