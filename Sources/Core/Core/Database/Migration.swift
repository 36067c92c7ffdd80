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
            return try connection.applyAsKeeper(migrations)
        }
    }

    /// Runs `body` on the schema of this version and keeps nothing of it, nor of the steps that were missing.
    package func rehearsing<Answer: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Answer
    ) async throws -> Answer {
        guard try await !missingMigrations().isEmpty else { return try await read(body) }
        do {
            return try await write { connection -> Answer in
                _ = try connection.applyAsKeeper(Migration.all)
                throw Rehearsed(answer: try body(connection))
            }
        } catch let rehearsed as Rehearsed<Answer> {
            return rehearsed.answer
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

/// Ends a transaction of which nothing is kept.
private struct Rehearsed<Answer: Sendable>: Error {
    let answer: Answer
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

    /// Goes on, to the end of the transaction, as the role that owns Millrace's tables, or the schema that was made for
    /// them, where the present one is its member: all tables belong to one role, whoever begins.
    ///
    /// - Returns: what a role hears that is no member, and therefore may not change the tables. nil where none is needed.
    fileprivate func becomeKeeper() throws(DatabaseError) -> DatabaseError? {
        guard dialect == .postgres, let row = try row(Self.keeperSQL) else { return nil }
        let (database, role, keeper) = (row.text(0), row.text(1), row.text(2))
        guard row.integer(3) == 0 else {
            try script("SET LOCAL ROLE \(Identifier(keeper))")
            return nil
        }
        return DatabaseError(
            .denied,
            "database \(database) has not Millrace's tables of this version, and role \(role) may not make them in schema millrace, which is \(keeper)'s: let a member of \(keeper) run millrace db migrate"
        )
    }

    private static var keeperSQL: SQL {
        SQL(
            postgres: """
                SELECT pg_catalog.current_database()::text, current_user::text, keeper.rolname::text,
                    pg_catalog.pg_has_role(keeper.oid, 'MEMBER')::int
                FROM pg_catalog.pg_namespace AS n
                    LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'migration'
                    JOIN pg_catalog.pg_roles AS keeper ON keeper.oid = COALESCE(c.relowner, n.nspowner)
                WHERE n.nspname = 'millrace' AND keeper.rolname <> current_user
                """)
    }

    fileprivate func applyAsKeeper(_ migrations: [Migration]) throws(DatabaseError) -> [String] {
        let refusal = try becomeKeeper()
        do throws(DatabaseError) {
            return try applyMissing(migrations)
        } catch {
            throw error.code == .denied ? refusal ?? error : error
        }
    }

    fileprivate func applyMissing(_ migrations: [Migration]) throws(DatabaseError) -> [String] {
        try prepareForMigrations()
        let applied = try appliedMigrations(newest: migrations.last) ?? []
        var names: [String] = []
        for migration in migrations where !applied.contains(migration.version) {
            try apply(migration)
            names.append(migration.name)
        }
        try advanceSequences()
        return names
    }

    /// Makes room for the list of steps. Two programs that start at once wait for each other here; on SQLite every write
    /// transaction is alone.
    fileprivate func prepareForMigrations() throws(DatabaseError) {
        if dialect == .postgres {
            try script("SELECT pg_advisory_xact_lock(\(AdvisoryLock.migration.rawValue))")
            // Even IF NOT EXISTS asks for the right to make schemas, which the owner of this one need not have.
            let isThere = try row(SQL(postgres: "SELECT pg_catalog.to_regnamespace('millrace') IS NOT NULL"))
            if isThere?.integer(0) != 1 { try script("CREATE SCHEMA millrace") }
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
