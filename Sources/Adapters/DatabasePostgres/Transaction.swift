import Core

/// One try of a request's transaction: begin, the body, commit.
struct Transaction {
    private let handle: PostgresHandle
    private let request: Request
    private let options: PostgresDatabase.Options
    private let connection: PostgresConnection
    private let readsOnly: Bool
    private let clock = ContinuousClock()

    /// A transaction that took longer than it should.
    struct Slow {
        let duration: Duration
        let statement: String
    }

    enum Outcome {
        case answered(@Sendable () -> Void, wantsNotify: Bool, Slow?)
        /// Nothing has run: the connection was gone.
        case notBegun(DatabaseError)
        /// Undone; another try may pass.
        case conflict(any Error)
        /// Undone; prepared statements must be forgotten before the next try.
        case stale(any Error)
        case failed(any Error)
    }

    init(_ handle: PostgresHandle, _ request: Request, _ options: PostgresDatabase.Options) {
        self.handle = handle
        self.request = request
        self.options = options
        connection = PostgresConnection(handle, options)
        readsOnly = if case .read = request.kind { true } else { false }
    }

    mutating func run(_ canceller: Canceller, _ key: CancelKey?) -> Outcome {
        guard canceller.arm(key) else { return .failed(CancellationError()) }
        handle.readsOnly = readsOnly
        let start = clock.now
        do throws(DatabaseError) {
            try begin()
        } catch {
            return handle.isAlive ? .failed(undone(error, canceller)) : .notBegun(error)
        }
        do {
            let answer = try request.run(connection)
            if let ending = connection.ending { throw ending }
            precondition(
                handle.isInTransaction || !handle.isAlive, "a body ended the transaction that it was run in")
            if connection.hasStaleStatement {
                throw DatabaseError(.other, "\(handle.place) changed a table while it was in use: try again")
            }
            // From here on it cannot be stopped any more: whether a stopped commit was kept is not known.
            _ = canceller.disarm()
            try commit()
            let duration = clock.now - start
            let slow =
                duration > options.slowTransaction
                ? Slow(duration: duration, statement: connection.slowest.statement) : nil
            return .answered(answer, wantsNotify: connection.wantsNotify, slow)
        } catch {
            return outcome(of: error, canceller)
        }
    }

    private func outcome(of error: any Error, _ canceller: Canceller) -> Outcome {
        let error = undone(error, canceller)
        if error is CancellationError || !handle.isAlive { return .failed(error) }
        if connection.hasStaleStatement { return .stale(error) }
        return connection.hasConflict || handle.lastState?.isConflict == true ? .conflict(error) : .failed(error)
    }

    /// Rolls back, where there still is something to. - Returns: what the caller is told.
    private func undone(_ error: any Error, _ canceller: Canceller) -> any Error {
        let state = canceller.disarm()
        connection.forget()
        if handle.isAlive && !handle.isIdle {
            _ = try? handle.script("ROLLBACK", until: clock.now + options.answerPatience)
        }
        return state.wasCancelled ? CancellationError() : error
    }

    /// Every setting that a transaction relies on goes in the same round trip.
    private func begin() throws(DatabaseError) {
        let patience = clock.now + options.answerPatience
        try handle.makeRoomForStatements(until: patience)
        let mode = readsOnly ? "REPEATABLE READ READ ONLY" : "READ COMMITTED READ WRITE"
        let settings = handle.preparesStatements ? ServerSettings.timeZone : ServerSettings(options).local
        try handle.script("BEGIN ISOLATION LEVEL \(mode)\(settings)", until: patience)
    }

    /// - Throws: ``DatabaseError/Code/commitUnknown`` where the connection was lost on the way.
    private func commit() throws(DatabaseError) {
        do throws(DatabaseError) {
            guard try connection.commit() == "COMMIT" else {
                throw DatabaseError(.other, "\(handle.place) undid a transaction in which a statement had failed")
            }
        } catch {
            // What a read has read stays read.
            guard !handle.isAlive else { throw error }
            if readsOnly { return }
            throw DatabaseError(
                .commitUnknown,
                "the connection to \(handle.place) was lost while a transaction was being committed (\(error.message)): whether it was kept is not known, look before it is done again"
            )
        }
    }
}
