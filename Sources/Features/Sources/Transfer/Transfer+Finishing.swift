import Core

extension Transfer {
    /// Makes what belongs to the filled tables: indexes, foreign keys, triggers and views.
    ///
    /// - Returns: what PostgreSQL refused.
    func makeObjects(_ copy: Copy, _ progress: (TransferProgress) -> Void) async throws -> [TransferNote] {
        var notes: [TransferNote] = []
        let names = Dictionary(
            copy.tables.map { ($0.entry.origin.name.lowercased(), $0.entry.target) },
            uniquingKeysWith: { first, _ in first })
        for (index, table) in copy.tables.enumerated() {
            progress(TransferProgress(.indexing, "", index, of: copy.tables.count))
            notes += try await makeIndexes(table.entry)
            try await target.database.runAlone("ANALYZE \(table.entry.target.quoted)")
        }
        for table in copy.tables { notes += try await makeForeignKeys(table.entry, names) }
        for pair in copy.tables.flatMap(\.pairs) where copy.plan.particulars[pair.origin.id]?.state != "suspended" {
            try await target.database.write { connection in
                try TableLock.wait(for: .seconds(10), on: connection)
                try ObjectCheck(pair.target).restore(on: connection)
            }
            try await IndexBuild(database: target.database, lock: TableLock(database: target.database))
                .ensure(pair.target)
        }
        for own in [Table.embedding, .job, .deadJob] {
            try await target.database.runAlone("ANALYZE \(own.name(in: .postgres))")
        }
        progress(TransferProgress(.indexing, "", copy.tables.count, of: copy.tables.count))
        return notes
    }

    /// One that PostgreSQL refuses, such as for values longer than its indexes take, is left away and told.
    private func makeIndexes(_ entry: TransferPlan.Entry) async throws -> [TransferNote] {
        guard let ddl = entry.ddl else { return [] }
        var notes: [TransferNote] = []
        for index in ddl.plainIndexes {
            notes += try await refusal(TransferNote(.index, entry.origin.name, index.name)) {
                try await target.database.runAlone(ddl.create(index))
            }
        }
        return notes
    }

    private func makeForeignKeys(
        _ entry: TransferPlan.Entry, _ names: [String: TableName]
    ) async throws -> [TransferNote] {
        guard let ddl = entry.ddl else { return [] }
        var notes: [TransferNote] = []
        for key in entry.origin.foreignKeys {
            let note = TransferNote(
                .foreignKey, entry.origin.name, "\(key.columns.joined(separator: ",")) → \(key.table)")
            guard let statement = ddl.addForeignKey(key, to: names) else {
                notes.append(note)
                continue
            }
            notes += try await refusal(note) { try await target.database.runAlone(statement) }
        }
        return notes
    }

    private func refusal(_ note: TransferNote, _ body: () async throws -> Void) async throws -> [TransferNote] {
        do {
            try await body()
            return []
        } catch let error as DatabaseError where [.constraint, .noSuchObject, .other].contains(error.code) {
            return [note]
        }
    }

    // MARK: The last transaction

    /// Gives sources their states, counters their values and models their limits, and takes the mark away: from here on it is
    /// an installation.
    func finish(_ copy: Copy) async throws {
        let (counters, limits) = (try await originCounters(), try await originLimits())
        let (run, plan, tables, id) = (copy.run, copy.plan, copy.tables, try await originID())
        try await target.database.write { connection in
            try TableLock.wait(for: .seconds(10), on: connection)
            try TransferMark.require(run, on: connection)
            for table in tables { try Self.setNumbers(of: table, on: connection) }
            if plan.keepsNumbers {
                try Self.takeOver(counters, id, on: connection)
            } else {
                try Self.announce(tables.flatMap { $0.pairs.map(\.target.id) }, on: connection)
            }
            for pair in tables.flatMap(\.pairs) {
                guard let particulars = plan.particulars[pair.origin.id] else { continue }
                try SourceStore().finishCopy(pair.target.id, particulars, on: connection)
            }
            for limit in limits { try ModelLimitStore().set(limit, on: connection) }
            try TransferMark.remove(on: connection)
            connection.notify()
        }
    }

    /// What counts up in the origin and must not fall back.
    struct Counters: Sendable {
        var fence: Int64
        var feed: Int64
        /// The largest number that was ever given, by table.
        var numbers: [Table: Int64]
    }

    private func originCounters() async throws -> Counters {
        try await origin.database.read { connection in
            let fence = try connection.row(SQL(sqlite: "SELECT value FROM \(Table.counter) WHERE name = 'fence'"))
            var numbers: [Table: Int64] = [:]
            for table in [Table.source, .embedding, .job] {
                let row = try connection.row(
                    SQL(sqlite: "SELECT seq FROM sqlite_sequence WHERE name = :name"),
                    ["name": .text(table.name(in: .sqlite))])
                numbers[table] = row?[0].integer
            }
            return Counters(
                fence: fence?.integer(0) ?? 0, feed: try FeedStore().head(on: connection), numbers: numbers)
        }
    }

    /// The next number of a table's own sequence comes after every one that was given.
    private static func setNumbers(of table: TableCopy, on connection: any Connection) throws(DatabaseError) {
        let name = table.rows.table.name.quoted
        for column in table.rows.table.columns where column.form == .integer {
            let highest = table.entry.origin.primaryKey == [column.name] ? table.entry.origin.highestNumber : nil
            _ = try connection.row(
                SQL(
                    postgres: """
                        SELECT setval(sequence, number) FROM (
                            SELECT pg_get_serial_sequence(:table, :column) AS sequence,
                                GREATEST((SELECT max(\(Identifier(column.name))) FROM \(name)), :highest::bigint) AS number
                            ) AS last
                        WHERE sequence IS NOT NULL AND number > 0
                        """),
                [
                    "table": .text(name), "column": .text(column.name),
                    "highest": highest.map(Value.integer) ?? .null,
                ])
        }
    }

    /// The target becomes the origin's continuation: the same identity, and no counter that has fallen back, so that
    /// whoever followed the origin's feed finds its position too old and reads anew.
    private static func takeOver(_ counters: Counters, _ id: String, on connection: any Connection)
        throws(DatabaseError)
    {
        try connection.run(
            .both("UPDATE \(Table.meta) SET value = :id WHERE name = 'database_id'"), ["id": .text(id)])
        for (table, number) in counters.numbers {
            let name = table.name(in: .postgres)
            _ = try connection.row(
                SQL(
                    postgres: """
                        SELECT setval(pg_get_serial_sequence('\(name)', 'id'),
                            GREATEST((SELECT max(id) FROM \(name)), :number::bigint, 1))
                        """), ["number": .integer(number)])
        }
        if counters.fence > 0 {
            _ = try connection.row(
                SQL(
                    postgres:
                        "SELECT setval('millrace.fence', GREATEST(last_value, :fence::bigint)) FROM millrace.fence"),
                ["fence": .integer(counters.fence)])
        }
        guard counters.feed > 0 else { return }
        _ = try connection.row(
            SQL(
                postgres: """
                    SELECT setval(sequence::regclass, :head::bigint)
                    FROM pg_get_serial_sequence('\(Table.feed.name(in: .postgres))', 'seq') AS sequence
                    WHERE :head::bigint > (SELECT COALESCE(max(seq), 0) FROM \(Table.feed))
                    """), ["head": .integer(counters.feed)])
        try connection.run(
            SQL(
                postgres: """
                    UPDATE \(Table.meta) SET value = GREATEST(value::bigint, :head::bigint)::text
                    WHERE name = 'feed_floor'
                    """), ["head": .integer(counters.feed)])
        try connection.run(
            SQL(postgres: "DELETE FROM \(Table.feed) WHERE seq <= :head"), ["head": .integer(counters.feed)])
    }

    /// Whoever follows the target's own feed hears of the new embeddings.
    private static func announce(_ sources: [SourceID], on connection: any Connection) throws(DatabaseError) {
        for source in sources {
            try connection.run(
                SQL(
                    postgres: """
                        INSERT INTO \(Table.feedIn)(source_id, item_id, at)
                        SELECT source_id, id, :now FROM \(Table.embedding) WHERE source_id = :source
                        """), ["source": Value(source), "now": Value(Timestamp.now())])
        }
    }
}
