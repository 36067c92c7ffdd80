/// How long a transaction may have what users' transactions want, and wait for what they have. PostgreSQL alone; SQLite has
/// one lock, which the writer looks after.
package enum UsersLocks {
    /// How long it waits behind whoever has the whole table.
    package static let tablePatience = Duration.seconds(1)
    /// The same where the transaction has jobs already. Whoever truncates the table has the table first and wants the jobs
    /// then: before PostgreSQL calls that a deadlock and ends the user's statement, this one has given up.
    package static let tablePatienceWithJobs = Duration.milliseconds(10)
    /// How long a process may stand still in a transaction that has users' rows, or jobs that users' triggers want, before
    /// PostgreSQL ends it and gives them back: one that is stopped must not make users wait.
    package static let stillness = Duration.milliseconds(50)
    /// The most jobs that one transaction changes where there may be hundreds: a user's edit of one waits until it commits.
    package static let jobsPerStep = 64
    /// Whoever waited for a table that was locked as a whole has been polite enough.
    private static let longestRest = Duration.milliseconds(50)

    /// Between two transactions that follow one another: as long as the last one took, so that a statement that waited for
    /// it gets ahead of the next instead of waiting for each in turn. A cancelled task does not rest.
    package static func rest(since began: ContinuousClock.Instant) async {
        try? await Task.sleep(for: min(.now - began, longestRest))
    }
}

extension Connection {
    /// Limits this transaction, together with its next statement. A lock of the whole table (ALTER TABLE, TRUNCATE) is the
    /// only thing that it waits for, and not long; and nobody waits long for it.
    package func limitWaiting(
        patience: Duration = UsersLocks.tablePatience, stillness: Duration = UsersLocks.stillness
    ) throws(DatabaseError) {
        guard dialect == .postgres else { return }
        try runLater(
            SQL(
                postgres: """
                    SELECT pg_catalog.set_config('lock_timeout', :wait, true),
                        pg_catalog.set_config('idle_in_transaction_session_timeout', :stillness, true)
                    """),
            ["wait": .milliseconds(patience), "stillness": .milliseconds(stillness)])
    }

    /// Lets this transaction's locks go without waiting for the disk; see ``Database/writeBriefly(againAfter:_:)``.
    package func commitUnflushed() throws(DatabaseError) {
        guard dialect == .postgres else { return }
        try runLater(SQL(postgres: "SELECT pg_catalog.set_config('synchronous_commit', 'off', true)"), [:])
    }

    /// Lets this transaction's commit wait for the disk, whatever the server's or the role's default is. What it writes gets
    /// there after everything that it has seen.
    package func commitFlushed() throws(DatabaseError) {
        guard dialect == .postgres else { return }
        try runLater(
            SQL(
                postgres: """
                    SELECT pg_catalog.set_config('synchronous_commit', 'local', true)
                    WHERE pg_catalog.current_setting('synchronous_commit') = 'off'
                    """), [:])
    }

    /// Waits for so long for the locks that are taken from here on; see ``limitWaiting(patience:stillness:)``.
    package func limitPatience(_ patience: Duration) throws(DatabaseError) {
        guard dialect == .postgres else { return }
        try runLater(
            SQL(postgres: "SELECT pg_catalog.set_config('lock_timeout', :wait, true)"),
            ["wait": .milliseconds(patience)])
    }
}

extension Database {
    /// Runs a transaction that has what users want, and loses it when this process stands still. A machine may be too busy to
    /// let it speak in time; then it is tried again, at last with more time.
    ///
    /// Nor do users wait for the disk because of it. On PostgreSQL a crash of the server within the next second may make it as
    /// if it had never been, together with whatever others did because of it. Who must be sure looks once more in a
    /// transaction that ends with ``Connection/commitFlushed()``.
    ///
    /// - Parameter codes: after which it is tried again; `body` must bear that where an earlier one was kept after all.
    package func writeBriefly<Result: Sendable>(
        againAfter codes: Set<DatabaseError.Code> = [.io, .commitUnknown],
        _ body: @escaping @Sendable (any Connection) throws -> Result
    ) async throws -> Result {
        for _ in 0..<3 {
            do {
                return try await writeBriefly(stillness: UsersLocks.stillness, body)
            } catch let error as DatabaseError where codes.contains(error.code) && dialect == .postgres {
                continue
            }
        }
        return try await writeBriefly(stillness: UsersLocks.stillness * 10, body)
    }

    private func writeBriefly<Result: Sendable>(
        stillness: Duration, _ body: @escaping @Sendable (any Connection) throws -> Result
    ) async throws -> Result {
        try await write { connection in
            try connection.limitWaiting(stillness: stillness)
            try connection.commitUnflushed()
            return try body(connection)
        }
    }
}

extension Value {
    fileprivate static func milliseconds(_ duration: Duration) -> Value {
        .text("\(duration.microseconds / 1000)ms")
    }
}
