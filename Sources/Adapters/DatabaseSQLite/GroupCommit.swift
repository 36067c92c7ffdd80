import Core

/// Runs waiting bodies one after another inside one transaction, each but the first in a savepoint of its own, so that
/// they share the disk's flush and still succeed or fail alone.
struct GroupCommit {
    let handle: SQLiteHandle
    let connection: SQLiteConnection
    let limit: Duration

    /// How a group ended, to be told to its callers after the lock is free.
    struct Outcome {
        /// Called to tell callers of success or failure.
        var answers: [@Sendable () -> Void] = []
        /// Bodies that another one's failure has undone; they run again.
        var undone: [Request] = []
    }

    /// Runs bodies from `next` until there is none or the lock was held for `limit`, then commits.
    ///
    /// The transaction has begun. A full disk ends it inside a body: that body fails, those before it are undone
    /// through no fault of their own. A failed commit fails all. A body that is the first has no savepoint, which costs
    /// a copy of every page that it changes: when it fails the transaction is undone, with nobody else in it.
    func run(since locked: ContinuousClock.Instant, next: () -> Request?) -> Outcome {
        var outcome = Outcome()
        var kept: [(request: Request, answer: @Sendable () -> Void)] = []
        let clock = ContinuousClock()
        while let request = next() {
            do {
                kept.append((request, try kept.isEmpty ? checked(request) : runAlone(request)))
            } catch {
                if kept.isEmpty { rollBack() }
                outcome.answers.append { request.fail(error) }
            }
            if handle.isAutocommit {
                outcome.undone = kept.map(\.request)
                return outcome
            }
            if clock.now - locked >= limit { break }
        }
        guard !kept.isEmpty else {
            rollBack()
            return outcome
        }
        do {
            try commit()
            outcome.answers += kept.map(\.answer)
        } catch {
            rollBack()
            if error.code == .busy {
                outcome.undone = kept.map(\.request)
            } else {
                outcome.answers += kept.map { kept in { kept.request.fail(error) } }
            }
        }
        return outcome
    }

    /// One body between SAVEPOINT and RELEASE. Nothing of it is left when this throws.
    private func runAlone(_ request: Request) throws -> @Sendable () -> Void {
        try handle.statement("SAVEPOINT millrace_body").run([:])
        do {
            let answer = try checked(request)
            try handle.statement("RELEASE millrace_body").run([:])
            return answer
        } catch {
            if !handle.isAutocommit {
                try handle.statement("ROLLBACK TO millrace_body").run([:])
                try handle.statement("RELEASE millrace_body").run([:])
            }
            throw error
        }
    }

    /// Runs a body, and throws where the commit could not keep it.
    private func checked(_ request: Request) throws -> @Sendable () -> Void {
        connection.watch()
        let answer = try request.run(connection)
        if let ending = connection.ending {
            // The body went on although a statement of its had ended the transaction.
            throw ending
        }
        precondition(!handle.isAutocommit, "a write body ended the transaction that it was run in")
        if handle.hasDeferredViolation {
            // It would fail at COMMIT, and everybody with it.
            throw DatabaseError(
                .constraint,
                "\(handle.file) refused a row (FOREIGN KEY constraint failed): write the row that it refers to")
        }
        return answer
    }

    private func commit() throws(DatabaseError) {
        var tries = 0
        while true {
            do {
                return try handle.statement("COMMIT").run([:])
            } catch {
                tries += 1
                guard error.code == .busy, tries < 10 else { throw error }
                pauseJittered(.milliseconds(1))
            }
        }
    }

    private func rollBack() {
        guard !handle.isAutocommit else { return }
        // Fails only where the library has rolled back already.
        try? handle.statement("ROLLBACK").run([:])
    }
}
