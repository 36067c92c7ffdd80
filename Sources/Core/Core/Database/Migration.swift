/// One forward step of Millrace's schema. A step that has been released is never changed.
package struct Migration: Sendable {
    package let version: Int64
    package let name: String
    /// DDL per database, applied in one transaction.
    package let sqlite: String
    package let postgres: String

    package init(version: Int64, name: String, sqlite: String, postgres: String) {
        self.version = version
        self.name = name
        self.sqlite = sqlite
        self.postgres = postgres
    }

    package func text(for dialect: Dialect) -> String {
        switch dialect {
        case .sqlite: sqlite
        case .postgres: postgres
        }
    }

    /// Every step, oldest first.
    package static let all = [
        Migration(
            version: 1, name: "initial",
            sqlite: String(decoding: PackageResources._01_initial_sqlite_sql, as: UTF8.self),
            postgres: String(decoding: PackageResources._01_initial_postgres_sql, as: UTF8.self)),
        Migration(
            version: 2, name: "machines",
            sqlite: String(decoding: PackageResources._02_machines_sqlite_sql, as: UTF8.self),
            postgres: String(decoding: PackageResources._02_machines_postgres_sql, as: UTF8.self)),
    ]
}

extension Database {
    /// Brings the schema to this version, or refuses a database that a newer Millrace has written.
    ///
    /// Idempotent, and safe when several processes start at once: the check and the steps are one write transaction.
    ///
    /// - Returns: the names of the steps that were applied now.
    @discardableResult
    package func migrate(_ migrations: [Migration] = Migration.all) async throws -> [String] {
        try await write { connection in
            if let applied = try connection.appliedMigrations(newest: migrations.last),
                migrations.allSatisfy({ applied.contains($0.version) })
            {
                // Looked at before anything else: a worker's role may have no right to make a schema.
                try connection.advanceSequences()
                return []
            }
            try connection.prepareForMigrations()
            let applied = try connection.appliedMigrations(newest: migrations.last) ?? []
            var names: [String] = []
            for migration in migrations where !applied.contains(migration.version) {
                try connection.apply(migration)
                names.append(migration.name)
            }
            try connection.advanceSequences()
            return names
        }
    }

    /// The steps that this program knows and the database has not, oldest first. Changes nothing.
    package func missingMigrations() async throws -> [Migration] {
        try await read { connection in
            let applied = try connection.appliedMigrations(newest: Migration.all.last) ?? []
            return Migration.all.filter { !applied.contains($0.version) }
        }
    }
}

extension Connection {
    /// The versions that have been applied, or nil where there is no schema yet.
    ///
    /// - Throws: ``DatabaseError/Code/newerVersion`` where one is newer than `newest`.
    fileprivate func appliedMigrations(newest: Migration?) throws(DatabaseError) -> [Int64]? {
        guard try row(Self.schemaSQL)?.integer(0) == 1 else { return nil }
        let applied = try rows(.both("SELECT version FROM \(Table.migration) ORDER BY version")).map { $0.integer(0) }
        let known = newest?.version ?? 0
        if let foreign = applied.last, foreign > known {
            throw DatabaseError(
                .newerVersion,
                "the database has Millrace schema version \(foreign), this program knows up to \(known): start a newer millrace"
            )
        }
        return applied
    }

    private static var schemaSQL: SQL {
        SQL(
            sqlite: "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'millrace_migration'",
            postgres: "SELECT to_regclass('millrace.migration') IS NOT NULL")
    }

    /// Makes room for the list of steps. Two programs that start at once wait for each other here; on SQLite every write
    /// transaction is alone.
    fileprivate func prepareForMigrations() throws(DatabaseError) {
        if dialect == .postgres {
            try script("SELECT pg_advisory_xact_lock(\(AdvisoryLock.migration.rawValue))")
            // IF NOT EXISTS would ask for the right to make schemas where there is nothing to make.
            let schema = try row(SQL(postgres: "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'millrace'"))
            if schema == nil { try script("CREATE SCHEMA millrace") }
        }
        try script(
            """
            CREATE TABLE IF NOT EXISTS \(Table.migration.name(in: dialect))(
                version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)
            """)
    }

    fileprivate func apply(_ migration: Migration) throws(DatabaseError) {
        try script(migration.text(for: dialect))
        try run(
            .both("INSERT INTO \(Table.migration) VALUES (:version, :name, :now)"),
            [
                "version": .integer(migration.version), "name": .text(migration.name), "now": Value(Timestamp.now()),
            ])
    }

    /// Moves sequences on that are behind their tables, as they are after a restore of the rows alone: a number that was
    /// given once must not be given again.
    fileprivate func advanceSequences() throws(DatabaseError) {
        guard dialect == .postgres else { return }
        for behind in try rows(Self.behindSQL) {
            try run(
                SQL(postgres: "SELECT setval(CAST(:sequence AS regclass), :last)"),
                ["sequence": behind[0], "last": behind[1]])
        }
    }

    private static var behindSQL: SQL {
        SQL(
            postgres: """
                SELECT sequence, last FROM (VALUES
                    ('millrace.fence', (SELECT MAX(fence) FROM \(Table.job))),
                    ('millrace.source_id_seq', (SELECT MAX(id) FROM \(Table.source))),
                    ('millrace.job_id_seq', (SELECT MAX(id) FROM \(Table.job))),
                    ('millrace.worker_id_seq', (SELECT MAX(id) FROM \(Table.worker))),
                    ('millrace.embedding_id_seq', (SELECT MAX(id) FROM \(Table.embedding))),
                    ('millrace.feed_in_id_seq', (SELECT MAX(id) FROM \(Table.feedIn))),
                    ('millrace.feed_seq_seq', GREATEST(
                        (SELECT MAX(seq) FROM \(Table.feed)),
                        (SELECT CAST(value AS bigint) FROM \(Table.meta) WHERE name = 'feed_floor')))
                ) AS wanted(sequence, last)
                WHERE last > COALESCE(pg_sequence_last_value(CAST(sequence AS regclass)), 0)
                """)
    }
}
