import Core

/// What attaching would do, with everything checked and nothing changed: `source add` carries it out,
/// `--print-sql` writes it down.
struct AttachPlan {
    let definition: SourceDefinition
    let collection: String
    let rowCount: Int
    /// The same source, where it is attached already.
    let present: Source?
    /// What others made under our names and `--replace` lets us drop, with its kind.
    var taken: [String] = []
    /// The user's own triggers on updates of the table.
    let foreignTriggers: [String]

    init(_ request: AttachRequest, on connection: any Connection) throws {
        let shape = try TableShape.read(request.table, on: connection)
        let sources = try SourceStore().all(on: connection)
        var definition = try request.definition(for: shape, beside: sources)
        if let updated = definition.updated {
            definition.updatedForm = try Self.timeForm(of: updated, in: shape, on: connection)
        }
        self.definition = definition
        let table = Identifier(shape.name)
        rowCount = Int(try connection.row(.both("SELECT COUNT(*) FROM \(table)"))?.integer(0) ?? 0)
        present = sources.first { $0.definition.table == shape.name && $0.definition.into == definition.into }
        collection =
            present?.collection ?? request.collection ?? Self.freeName(shape.name, definition.into, sources)
        foreignTriggers = try connection.rows(
            SQL(
                sqlite: """
                    SELECT name FROM sqlite_schema
                    WHERE type = 'trigger' AND tbl_name = :table COLLATE NOCASE AND sql LIKE '%UPDATE%'
                        AND name NOT LIKE 'trg\\_auto\\_embedding%' ESCAPE '\\'
                    ORDER BY name
                    """), ["table": .text(shape.name)]
        ).map { $0.text(0) }
        if let present {
            try Self.checkSame(present, definition, request)
            return
        }
        try checkFree(beside: sources)
        try Self.checkNoKeyIsNull(definition, shape, on: connection)
        taken = try takenNames(replacing: request.replacesObjects, beside: sources, on: connection)
    }

    private static func freeName(_ table: String, _ column: String, _ present: [Source]) -> String {
        present.contains { $0.collection == table } ? "\(table)_\(column)" : table
    }

    /// The same table and vector column once more: fine if it means the same, refused if it means something else.
    private static func checkSame(
        _ source: Source, _ wanted: SourceDefinition, _ request: AttachRequest
    ) throws(SourceError) {
        let present = source.definition
        let isSame =
            present.key == wanted.key && present.text == wanted.text && present.template == wanted.template
            && present.model == wanted.model && present.dimension == wanted.dimension
            && (request.collection ?? source.collection) == source.collection
            && (request.status == nil || present.status == wanted.status)
            && (request.updated == nil || present.updated == wanted.updated)
        guard isSame else {
            throw SourceError(
                .columnTaken,
                "column \"\(wanted.into)\" of \"\(wanted.table)\" already receives the vectors of source \"\(source.collection)\", which has other settings: remove that one first with millrace source remove \(source.collection), or name another column for --into"
            )
        }
    }

    private func checkFree(beside sources: [Source]) throws(SourceError) {
        guard !sources.contains(where: { $0.collection == collection }) else {
            throw SourceError(
                .alreadyAttached,
                "a collection named \"\(collection)\" exists already: choose another with --collection")
        }
        let neighbours = sources.filter { $0.definition.table == definition.table }
        guard !neighbours.contains(where: { $0.definition.status == definition.status }) else {
            throw SourceError(
                .columnTaken,
                "column \"\(definition.status)\" is the status of another source on \"\(definition.table)\": choose another with --status"
            )
        }
    }

    /// SQLite lets a PRIMARY KEY column be NULL unless it is declared NOT NULL or is the row's number.
    private static func checkNoKeyIsNull(
        _ definition: SourceDefinition, _ shape: TableShape, on connection: any Connection
    ) throws {
        for name in definition.key {
            let row = try connection.row(
                .both("SELECT 1 FROM \(Identifier(shape.name)) WHERE \(Identifier(name)) IS NULL LIMIT 1"))
            guard row == nil else {
                throw SourceError(
                    .badKey,
                    "key column \"\(name)\" of \"\(shape.name)\" is NULL in some rows, which then have no key: fill it in, or name another --key"
                )
            }
        }
    }

    private func takenNames(
        replacing: Bool, beside sources: [Source], on connection: any Connection
    ) throws -> [String] {
        let wanted = SourceDDL(source: SourceID(0), definition: definition).objects
        for source in sources {
            let names = Set(source.ddl.objects.map { $0.name.name.lowercased() })
            guard let name = wanted.first(where: { names.contains($0.name.name.lowercased()) }) else { continue }
            throw SourceError(
                .nameTaken,
                "source \"\(source.collection)\" already has a \(name.kind) named \(name.name.name): remove that source, or rename the table"
            )
        }
        let taken = try ObjectCheck.present(wanted.map(\.name), on: connection)
        guard !taken.isEmpty else { return [] }
        let ours = Set(wanted.map { "\($0.kind) \($0.name.name)".lowercased() })
        guard taken.allSatisfy({ ours.contains($0.lowercased()) }) else {
            throw SourceError(
                .nameTaken,
                "the database already has \(taken.joined(separator: ", ")), which Millrace needs as a name of another kind: rename what is there"
            )
        }
        guard replacing else {
            throw SourceError(
                .nameTaken,
                "the database already has \(taken.joined(separator: ", ")), made by someone else: add --replace to let Millrace replace them"
            )
        }
        return taken
    }

    /// How the table writes moments: as its newest row does, or else as the declared type suggests.
    private static func timeForm(
        of column: String, in shape: TableShape, on connection: any Connection
    ) throws -> SourceDefinition.TimeForm {
        let name = Identifier(column)
        let sample = try connection.row(
            .both("SELECT \(name) FROM \(Identifier(shape.name)) WHERE \(name) IS NOT NULL LIMIT 1"))
        switch sample?[0] {
        case .integer(let number): return number > 100_000_000_000 ? .unixMilliseconds : .unixSeconds
        case .real: return .unixSeconds
        case .text: return .text
        case .null, .blob, nil:
            let type = shape.columns.first { $0.name == column }?.declaredType.uppercased() ?? ""
            return type.contains("INT") || type == "REAL" ? .unixSeconds : .text
        }
    }
}
