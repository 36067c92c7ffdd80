import Core
import Foundation
import Logging

/// One thread of a ``ConnectionPool`` and its connection, which is opened when it is needed and replaced when it breaks.
///
/// `@unchecked Sendable`: everything but `canceller` and `bell` belongs to the thread.
final class ConnectionThread: @unchecked Sendable {
    let number: Int
    let canceller = Canceller()
    private let pool: ConnectionPool
    private let bell = DispatchSemaphore(value: 0)
    private var handle: PostgresHandle?
    private var key: CancelKey?
    private var backoff = Backoff()
    /// Before this moment no other connection is tried for.
    private var nextTry: ContinuousClock.Instant?

    init(_ number: Int, of pool: ConnectionPool, _ handle: PostgresHandle?) {
        self.number = number
        self.pool = pool
        take(handle)
    }

    func start(in running: DispatchGroup) {
        running.enter()
        NamedThread.start(pool.isWriter ? "millrace-writer" : "millrace-reader") { [self] in
            serveUntilTheEnd()
            drop()
            running.leave()
        }
    }

    func wake() {
        bell.signal()
    }

    private func serveUntilTheEnd() {
        while true {
            switch pool.next(for: self) {
            case .serve(let request, _):
                serve(request)
                canceller.end()
            case .end: return
            case .wait:
                let patience = Double(pool.options.idleConnection.seconds)
                if bell.wait(timeout: .now() + patience) == .timedOut {
                    if pool.isWriter { drop() } else if pool.retire(self) { return }
                    // Also where it was woken at that very moment.
                    bell.wait()
                }
            }
        }
    }

    private func serve(_ request: Request) {
        do {
            let answer =
                switch request.kind {
                case .read, .write: try transact(request)
                case .alone(let statement): try runAlone(statement, request)
                }
            answer()
        } catch {
            request.fail(error)
        }
    }

    // MARK: Connection

    private func take(_ handle: PostgresHandle?) {
        self.handle = handle
        key = handle.flatMap(CancelKey.init)
    }

    private func drop() {
        take(nil)
    }

    /// The connection, a new one where there is none that can be used.
    ///
    /// A caller waits for at most one pause and one try; when that fails, so do all that wait in line.
    private func connected() throws(DatabaseError) -> (handle: PostgresHandle, isFresh: Bool) {
        if let handle, handle.isAlive, handle.isIdle { return (handle, false) }
        drop()
        if let nextTry { pause(until: nextTry) }
        do throws(DatabaseError) {
            let handle = try PostgresHandle.connect(pool.address, pool.options, isWriter: pool.isWriter)
            take(handle)
            backoff.succeeded()
            nextTry = nil
            return (handle, true)
        } catch {
            nextTry = .now + backoff.failed(jitter: .random(in: 0..<1))
            // The first of a row: what follows says the same.
            if backoff.failures == 1 {
                pool.logger.warning("no connection to the database", metadata: ["error": "\(error)"])
            }
            if error.code != .busy { pool.failWaiting(error) }
            throw error
        }
    }

    private func pause(until moment: ContinuousClock.Instant) {
        let left = ContinuousClock.now.duration(to: moment).seconds
        if left > 0 { Thread.sleep(forTimeInterval: left) }
    }

    // MARK: Work

    /// Runs the request's transaction, again where another was in its way or a prepared statement had grown stale.
    private func transact(_ request: Request) throws -> @Sendable () -> Void {
        var conflicts = 0
        var refreshes = 0
        while true {
            let (handle, isFresh) = try connected()
            var transaction = Transaction(handle, request, pool.options)
            switch transaction.run(canceller, key) {
            case .answered(let answer, let wantsNotify, let slow):
                if let slow { warn(slow) }
                if wantsNotify { pool.listener.notify() }
                finish(handle)
                return answer
            case .failed(let error):
                finish(handle)
                throw error
            case .notBegun(let error):
                drop()
                // The server had closed an idle connection; nothing has run.
                if isFresh { throw error }
            case .conflict(let error):
                finish(handle)
                conflicts += 1
                guard conflicts <= pool.options.conflictRetries else { throw error }
                pause(until: .now + .milliseconds(Int.random(in: 1...10) * conflicts))
            case .stale(let error):
                refreshes += 1
                guard refreshes <= 3 else {
                    finish(handle)
                    throw error
                }
                if (try? handle.forgetStatements(until: .now + pool.options.answerPatience)) == nil { drop() }
            }
        }
    }

    /// Leaves the connection for the next request, or gives it up where it cannot be trusted.
    private func finish(_ handle: PostgresHandle) {
        if canceller.disarm().isOnItsWay || !handle.isAlive || !handle.isIdle { drop() }
    }

    private func warn(_ slow: Transaction.Slow) {
        pool.logger.warning(
            "a transaction took long",
            metadata: ["seconds": "\(slow.duration.seconds)", "statement": "\(slow.statement)"])
    }

    /// Runs a statement outside transactions, with no limit on its time.
    private func runAlone(_ statement: String, _ request: Request) throws -> @Sendable () -> Void {
        let handle = try unlimited()
        guard canceller.arm(key) else { throw CancellationError() }
        defer { finish(handle) }
        do {
            try handle.script(statement, until: nil)
        } catch {
            let wasCancelled = canceller.disarm().wasCancelled
            drop()
            if wasCancelled { throw CancellationError() }
            throw error
        }
        if handle.preparesStatements {
            try handle.script("RESET statement_timeout; RESET lock_timeout", until: .now + pool.options.answerPatience)
        }
        return try request.run(PostgresConnection(handle, pool.options))
    }

    /// A connection whose statements have no limit on their time. Behind a pooler they keep theirs, since the setting would
    /// stay with a connection that another program gets next.
    private func unlimited() throws(DatabaseError) -> PostgresHandle {
        while true {
            let (handle, isFresh) = try connected()
            guard handle.preparesStatements else { return handle }
            do throws(DatabaseError) {
                try handle.script(
                    "SET statement_timeout = 0; SET lock_timeout = 0", until: .now + pool.options.answerPatience)
                return handle
            } catch {
                drop()
                // The server had closed an idle connection; nothing has run.
                if isFresh { throw error }
            }
        }
    }
}
