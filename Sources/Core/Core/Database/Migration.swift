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
    /// Idempotent, and safe when several processes start at once: the check and the steps are one write transaction. A
    /// schema that is up to date is only read, so that a role without a right to change it may open the database.
    ///
    /// - Returns: the names of the steps that were applied now.
    @discardableResult
    package func migrate(_ migrations: [Migration] = Migration.all) async throws -> [String] {
        let missing = try await read { connection in try Migration.missing(of: migrations, on: connection) }
        guard !missing.isEmpty else { return [] }
        return try await write { connection in
            try Migration.makeTable(on: connection)
            // Another program may have applied some in the meantime.
            let missing = try Migration.missing(of: migrations, on: connection)
            for migration in missing { try migration.apply(on: connection) }
            return missing.map(\.name)
        }
    }

    /// The steps that this program knows and the database has not, oldest first.
    package func missingMigrations() async throws -> [Migration] {
        try await read { connection in try Migration.missing(of: Migration.all, on: connection) }
    }
}

extension Migration {
    fileprivate static func missing(
        of migrations: [Migration], on connection: any Connection
    ) throws(DatabaseError) -> [Migration] {
        let applied = try applied(on: connection)
        let newest = migrations.last?.version ?? 0
        if let foreign = applied.last, foreign > newest {
            throw DatabaseError(
                .newerVersion,
                "the database has Millrace schema version \(foreign), this program knows up to \(newest): start a newer millrace"
            )
        }
        return migrations.filter { !applied.contains($0.version) }
    }

    /// The versions that the database has, in order; none where it has no table of them.
    private static func applied(on connection: any Connection) throws(DatabaseError) -> [Int64] {
        let table = try connection.row(
            SQL(
                sqlite: "SELECT 1 FROM sqlite_schema WHERE name = :name",
                postgres: "SELECT 1 WHERE pg_catalog.to_regclass(:name) IS NOT NULL"),
            ["name": .text(Table.migration.name(in: connection.dialect))])
        guard table != nil else { return [] }
        return try connection.rows(.both("SELECT version FROM \(Table.migration) ORDER BY version"))
            .map { $0.integer(0) }
    }

    fileprivate static func makeTable(on connection: any Connection) throws(DatabaseError) {
        if connection.dialect == .postgres {
            // Two that start at once wait for each other here; on SQLite every write transaction is alone.
            try connection.script("SELECT pg_advisory_xact_lock(\(AdvisoryLock.migration.rawValue))")
            // IF NOT EXISTS would ask for the right to make schemas where there is nothing to make.
            let schema = try connection.row(
                SQL(postgres: "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'millrace'"))
            if schema == nil { try connection.script("CREATE SCHEMA millrace") }
        }
        try connection.script(
            """
            CREATE TABLE IF NOT EXISTS \(Table.migration.name(in: connection.dialect))(
                version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)
            """)
    }

    fileprivate func apply(on connection: any Connection) throws(DatabaseError) {
        try connection.script(text(for: connection.dialect))
        try connection.run(
            .both("INSERT INTO \(Table.migration) VALUES (:version, :name, :now)"),
            ["version": .integer(version), "name": .text(name), "now": Value(Timestamp.now())])
    }
}
