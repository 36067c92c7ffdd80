import Core

/// Makes a source's indexes, and makes them anew where making them was stopped.
///
/// On PostgreSQL outside of transactions and beside the table's users, so an attachment is all or nothing but for these.
struct IndexBuild: Sendable {
    let database: any Database
    let lock: TableLock

    func ensure(_ source: Source) async throws {
        switch source.definition.dialect {
        case .sqlite:
            let text = SQLiteSourceDDL(source: source.id, definition: source.definition).createIndexes
            try await database.write { connection in try connection.script(text) }
        case .postgres:
            for index in source.ddl.indexes { try await ensure(index, on: source) }
        }
    }

    private enum State: Sendable {
        case whole
        case absent
        /// Left by a build that was stopped, or on a table that has been renamed.
        case inTheWay(isPartitioned: Bool)
        /// Of a partitioned table, not yet on all its partitions.
        case partial
    }

    private func ensure(_ index: SourceIndex, on source: Source) async throws {
        let table = source.definition.tableName
        let partitions = try await database.read { connection in try Partitions.all(of: table, on: connection) }
        var state = try await state(of: index.name, on: table)
        if case .inTheWay(let isPartitioned) = state {
            try await drop(index.name, beside: table, isPartitioned: isPartitioned)
            state = .absent
        }
        switch (state, try await isPartitioned(table)) {
        case (.whole, _), (.inTheWay, _): return
        case (_, false): try await database.runAlone(Self.create(index, on: table))
        case (_, true): try await ensure(index, on: table, partitions)
        }
    }

    private static func create(_ index: SourceIndex, name: Identifier? = nil, on table: TableName) -> String {
        "CREATE INDEX CONCURRENTLY \(name ?? index.name) ON \(table.quoted) (\(index.column))"
    }

    private func isPartitioned(_ table: TableName) async throws -> Bool {
        try await database.read { connection in
            try connection.row(
                SQL(
                    postgres:
                        "SELECT 1 FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(:name) AND relkind = 'p'"),
                ["name": .text(table.quoted)]) != nil
        }
    }

    private func state(of name: Identifier, on table: TableName) async throws -> State {
        let row = try await database.read { connection in
            try connection.row(
                SQL(
                    postgres: """
                        SELECT (i.indrelid = pg_catalog.to_regclass(:table))::int, i.indisvalid::int, (c.relkind = 'I')::int
                        FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
                        WHERE i.indexrelid = pg_catalog.to_regclass(:index)
                        """), ["table": .text(table.quoted), "index": .text(table.quoted(name))])
        }
        guard let row else { return .absent }
        let (isOurs, isValid, isPartitioned) = (row.integer(0) != 0, row.integer(1) != 0, row.integer(2) != 0)
        if isOurs, isValid { return .whole }
        return isOurs && isPartitioned ? .partial : .inTheWay(isPartitioned: isPartitioned)
    }

    private func drop(_ name: Identifier, beside table: TableName, isPartitioned: Bool) async throws {
        let index = table.quoted(name)
        guard isPartitioned else { return try await database.runAlone("DROP INDEX CONCURRENTLY IF EXISTS \(index)") }
        try await lock.write(table, .everything) { connection in
            try connection.script("DROP INDEX IF EXISTS \(index)")
        }
    }

    // MARK: Partitions

    /// PostgreSQL builds no index beside the users on a partitioned table as a whole: so on each partition, and these are
    /// then put together. Partitions to come get theirs by themselves.
    private func ensure(
        _ index: SourceIndex, on table: TableName, _ partitions: [Partitions.Partition]
    ) async throws {
        try await addShell(index, name: index.name, on: table)
        var made = [table: table.quoted(index.name)]
        for partition in partitions {
            guard let above = made[partition.parent] else { continue }
            if let present = try await child(of: above, on: partition.table) {
                made[partition.table] = present
                continue
            }
            let name = ObjectNames(suffix: "_\(partition.table.name)", longest: 63).part(of: index.name)
            if partition.isLeaf {
                if case .whole = try await state(of: name, on: partition.table) {
                } else {
                    try await drop(name, beside: partition.table, isPartitioned: false)
                    try await database.runAlone(Self.create(index, name: name, on: partition.table))
                }
            } else {
                try await addShell(index, name: name, on: partition.table)
            }
            let own = partition.table.quoted(name)
            try await lock.write(nil, .writes) { connection in
                try connection.script("ALTER INDEX \(above) ATTACH PARTITION \(own)")
            }
            made[partition.table] = own
        }
    }

    /// An index of a partitioned table that holds nothing yet.
    private func addShell(_ index: SourceIndex, name: Identifier, on table: TableName) async throws {
        try await lock.write(table, .writes) { connection in
            try connection.script(
                "CREATE INDEX IF NOT EXISTS \(name) ON ONLY \(table.quoted) (\(index.column))")
        }
    }

    /// The partition's index that is a part of `above` already, as it is written into SQL.
    private func child(of above: String, on partition: TableName) async throws -> String? {
        try await database.read { connection in
            try connection.row(
                SQL(
                    postgres: """
                        SELECT n.nspname::text, c.relname::text
                        FROM pg_catalog.pg_inherits AS h JOIN pg_catalog.pg_class AS c ON c.oid = h.inhrelid
                            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                            JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
                        WHERE h.inhparent = pg_catalog.to_regclass(:above) AND i.indrelid = pg_catalog.to_regclass(:table)
                        """), ["above": .text(above), "table": .text(partition.quoted)]
            ).map { TableName(schema: $0.text(0), $0.text(1)).quoted }
        }
    }
}
