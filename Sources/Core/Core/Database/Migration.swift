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
            if connection.dialect == .postgres {
                // Two that start at once wait for each other here; on SQLite every write transaction is alone.
                try connection.script(
                    "SELECT pg_advisory_xact_lock(\(AdvisoryLock.migration.rawValue)); CREATE SCHEMA IF NOT EXISTS millrace"
                )
            }
            try connection.script(
                """
                CREATE TABLE IF NOT EXISTS \(Table.migration.name(in: connection.dialect))(
                    version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)
                """)
            let applied = try connection.rows(.both("SELECT version FROM \(Table.migration) ORDER BY version"))
                .map { $0.integer(0) }
            let newest = migrations.last?.version ?? 0
            if let foreign = applied.last, foreign > newest {
                throw DatabaseError(
                    .newerVersion,
                    "the database has Millrace schema version \(foreign), this program knows up to \(newest): start a newer millrace"
                )
            }
            var names: [String] = []
            for migration in migrations where !applied.contains(migration.version) {
                try connection.script(migration.text(for: connection.dialect))
                try connection.run(
                    .both("INSERT INTO \(Table.migration) VALUES (:version, :name, :now)"),
                    [
                        "version": .integer(migration.version), "name": .text(migration.name),
                        "now": Value(Timestamp.now()),
                    ])
                names.append(migration.name)
            }
            return names
        }
    }
}
