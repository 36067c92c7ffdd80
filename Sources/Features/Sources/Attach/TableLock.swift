package import Core

/// Takes a lock on a user's table without making its users wait: a lock that is waited for stops everybody who comes
/// after it, so each try waits for a moment only, and then lets them all by.
///
/// SQLite's write transactions have the whole file, and need none of this.
package struct TableLock: Sendable {
    package enum Mode: String, Sendable {
        /// Nobody writes: to add triggers.
        case writes = "SHARE ROW EXCLUSIVE"
        /// Nobody reads either: to add or drop a column, or to drop triggers.
        case everything = "ACCESS EXCLUSIVE"
    }

    /// How long one try stands in line, and everybody else behind it; what it then does with the table comes on top.
    private static let moment = Duration.milliseconds(25)
    /// How long it is tried in all.
    package var patience = Duration.seconds(60)
    private let database: any Database
    /// Is told, now and then, who is being waited for.
    private let onWait: @Sendable (TableWait) -> Void

    package init(database: any Database, onWait: @escaping @Sendable (TableWait) -> Void = { _ in }) {
        self.database = database
        self.onWait = onWait
    }

    /// Runs `body` in a write transaction that has locked the table, as soon as it can be had.
    ///
    /// - Parameter table: nil where there is none to lock any more.
    /// - Throws: ``SourceError/Code/tableBusy`` where it could not be had in all this time.
    func write<Result: Sendable>(
        _ table: TableName?, _ mode: Mode, _ body: @escaping @Sendable (any Connection) throws -> Result
    ) async throws -> Result {
        guard database.dialect == .postgres, let table else { return try await database.write(body) }
        let deadline = ContinuousClock.now + patience
        var pause = Duration.milliseconds(100)
        while true {
            do {
                return try await database.write { connection in
                    try Self.wait(for: Self.moment, on: connection)
                    try connection.run(SQL(postgres: "LOCK TABLE \(table.quoted) IN \(mode.rawValue) MODE"))
                    return try body(connection)
                }
            } catch let error as DatabaseError where error.code == .busy {
                let holders = try await holders(of: table)
                guard ContinuousClock.now < deadline else { throw Self.busy(table, holders) }
                if pause > .seconds(1) { onWait(TableWait(table: table, holders: holders)) }
                try await Task.sleep(for: pause * Double.random(in: 0.5...1))
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    /// How long the rest of the transaction waits for a lock, and that its statements may take their time.
    static func wait(for time: Duration, on connection: any Connection) throws(DatabaseError) {
        _ = try connection.row(
            SQL(
                postgres:
                    "SELECT pg_catalog.set_config('lock_timeout', :time, true), pg_catalog.set_config('statement_timeout', '0', true)"
            ), ["time": .text("\(time.microseconds / 1000)ms")])
    }

    private static func busy(_ table: TableName, _ holders: [TableWait.Holder]) -> SourceError {
        let names = holders.map(\.description).joined(separator: ", ")
        let users = names.isEmpty ? "a transaction that has ended meanwhile" : names
        return SourceError(
            .tableBusy,
            "\(table) could not be locked, for it is in use by \(users): end that transaction (SELECT pg_terminate_backend(pid)), or try again later"
        )
    }

    /// The transactions that have the table, the oldest first.
    private func holders(of table: TableName) async throws -> [TableWait.Holder] {
        try await database.read { connection in
            try connection.rows(
                SQL(
                    postgres: """
                        SELECT a.pid::bigint, COALESCE(a.usename::text, ''), COALESCE(a.application_name, ''),
                            COALESCE(a.state, ''), COALESCE(floor(extract(epoch FROM clock_timestamp() - a.xact_start)), 0)::bigint
                        FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
                        WHERE l.locktype = 'relation' AND l.granted AND l.relation = pg_catalog.to_regclass(:name)
                            AND a.pid <> pg_catalog.pg_backend_pid()
                        GROUP BY 1, 2, 3, 4, 5 ORDER BY 5 DESC LIMIT 3
                        """), ["name": .text(table.quoted)])
        }.map { row in
            TableWait.Holder(
                pid: row.integer(0), role: row.text(1), program: row.text(2), state: row.text(3),
                seconds: row.integer(4))
        }
    }
}

/// Whom an attachment waits for.
package struct TableWait: Sendable {
    /// A transaction that has the table locked.
    package struct Holder: Hashable, Sendable, CustomStringConvertible {
        package let pid: Int64
        package let role: String
        /// Empty where it did not say.
        package let program: String
        /// In the server's words; empty, as is ``seconds``, where the role may not look at others' activity.
        package let state: String
        /// Since the transaction began.
        package let seconds: Int64

        package var description: String {
            let what = [role, program, state].filter { !$0.isEmpty }.joined(separator: ", ")
            return "pid \(pid) (\(what) for \(seconds) s)"
        }
    }

    package let table: TableName
    /// The oldest first, at most three; none where they have ended meanwhile.
    package let holders: [Holder]
}
