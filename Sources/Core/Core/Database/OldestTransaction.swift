/// The transaction of the database's that has been open for longest: what it could still see may not be cleaned away,
/// and a table that many jobs pass through then grows.
package struct OldestTransaction: Hashable, Sendable {
    /// Of the server's process.
    package let pid: Int64
    package let age: Duration
    /// What the program calls itself; empty where it says nothing.
    package let application: String

    /// Looks at the server's table of activity, this transaction left out. nil where none is open, and on SQLite.
    ///
    /// Without the right to read other roles' activity (`pg_read_all_stats`) only this role's transactions are seen.
    package static func read(on connection: any Connection) throws(DatabaseError) -> OldestTransaction? {
        guard connection.dialect == .postgres else { return nil }
        return try connection.row(Self.sql).map { row in
            OldestTransaction(
                pid: row.integer(0), age: .microseconds(row.integer(1)), application: row[2].text ?? "")
        }
    }

    private static let sql = SQL(
        postgres: """
            SELECT pid, CAST(EXTRACT(EPOCH FROM clock_timestamp() - xact_start) * 1000000 AS bigint), application_name
            FROM pg_catalog.pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start IS NOT NULL
                AND pid <> pg_backend_pid()
            ORDER BY xact_start LIMIT 1
            """)
}
