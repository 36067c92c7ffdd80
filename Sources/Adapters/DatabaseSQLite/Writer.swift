import Core
import Foundation
import Logging

/// The one writer of this process on a file: a thread that takes the turn, begins, runs what waits, commits, answers.
///
/// `@unchecked Sendable`: everything but `queue` belongs to the thread.
final class Writer: @unchecked Sendable {
    let queue: RequestQueue
    private let handle: SQLiteHandle
    private let connection: SQLiteConnection
    private let turn: Turnstile
    private let options: SQLiteDatabase.Options
    private let logger: Logger
    private let clock = ContinuousClock()
    /// Whether the turn's holder let ``turnPatience`` pass; then nobody waits for it until it moves again.
    private var holderIsStopped = false
    /// Whether the last checkpoint failed, which is logged once and not at every write that follows.
    private var checkpointFails = false

    /// How long a writer waits for the turn before it takes its holder for stopped.
    private static let turnPatience = Duration.seconds(2)

    init(_ handle: SQLiteHandle, turn: Turnstile, options: SQLiteDatabase.Options, logger: Logger) {
        queue = RequestQueue(file: handle.file)
        self.handle = handle
        self.turn = turn
        self.options = options
        self.logger = logger
        connection = SQLiteConnection(handle, writes: true)
    }

    /// Starts the thread, which closes its connection after `readers` have closed theirs: the last to close empties
    /// the log, and a reader cannot.
    func start(in running: DispatchGroup, endingAfter readers: DispatchGroup) {
        running.enter()
        NamedThread.start("millrace-writer") { [self] in
            while let kind = queue.wait() {
                switch kind {
                case .transaction: writeGroup()
                case .alone: runAlone()
                }
            }
            readers.wait()
            handle.close()
            running.leave()
        }
    }

    private func writeGroup() {
        guard begin() else {
            turn.release()
            return
        }
        let locked = monotonicNanoseconds()
        // What is owed already counts towards the limit, so that groups in a row are no longer than one.
        let group = GroupCommit(
            handle: handle, connection: connection, limit: options.groupLimit - turn.debt.remaining(at: locked))
        let outcome = group.run(since: clock.now) { queue.take(.transaction) }
        let freed = monotonicNanoseconds()
        turn.charge(from: locked, to: freed)
        queue.putBack(outcome.undone)
        for answer in outcome.answers { answer() }
        let held = Duration.nanoseconds(freed - locked)
        if held > options.slowRead {
            logger.warning(
                "a write held the database's lock for long",
                metadata: ["seconds": "\(held.seconds)", "statement": "\(connection.slowest.statement)"])
        }
        moveLog()
        turn.rest(at: options.groupLimit)
        turn.release()
    }

    /// Moves the log's pages into the file when they are many; callers have been answered, and nobody is locked out.
    private func moveLog() {
        guard handle.logPages >= options.checkpointPages else { return }
        do {
            _ = try handle.checkpoint(truncating: false)
            checkpointFails = false
        } catch {
            guard !checkpointFails else { return }
            checkpointFails = true
            logger.warning("a checkpoint failed", metadata: ["error": "\(error)"])
        }
    }

    /// Takes the turn and the database's lock. While a user's program has the lock, the turn is let go.
    ///
    /// - Returns: false when no request waits any more, each having been answered.
    private func begin() -> Bool {
        let start = clock.now
        var busy = 0
        while true {
            let now = clock.now
            for request in queue.expire(before: now - options.busyTimeout) { request.fail(busyError()) }
            guard queue.holds(.transaction) else { return false }
            if !turn.isHeld {
                if turn.take() {
                    holderIsStopped = false
                } else if !holderIsStopped {
                    holderIsStopped = now - start > Self.turnPatience
                    pauseJittered(.microseconds(300))
                    continue
                }
            }
            do throws(DatabaseError) {
                try handle.statement("BEGIN IMMEDIATE").run([:])
                return true
            } catch {
                guard error.code == .busy else {
                    for request in queue.drain() { request.fail(error) }
                    return false
                }
                busy += 1
                if busy % 4 == 0 {
                    turn.release()
                    pauseJittered(.milliseconds(min(busy, 20)))
                } else {
                    pauseJittered(.microseconds(500))
                }
            }
        }
    }

    private func busyError() -> DatabaseError {
        DatabaseError(
            .busy,
            "\(handle.file) was locked by another program for \(options.busyTimeout.seconds) s: let it end its transaction, then try again"
        )
    }

    private func runAlone() {
        guard let request = queue.take(.alone) else { return }
        do {
            try request.run(connection)()
        } catch {
            request.fail(error)
        }
    }

    /// Empties the log as far as other connections allow at once. Runs on the thread.
    ///
    /// First without a lock that excludes writers, so that little is left to do under it.
    func truncateLog() throws(DatabaseError) -> Bool {
        guard let first = try handle.checkpoint(truncating: false), first.logged == first.moved else { return false }
        return try handle.checkpoint(truncating: true) != nil
    }
}
