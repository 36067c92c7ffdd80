import Core
import Foundation
import Logging

/// Reader connections, each on a thread of its own, that serve one queue.
final class ReaderPool: Sendable {
    let queue: RequestQueue
    private let slowRead: Duration
    private let logger: Logger

    init(file: String, slowRead: Duration, logger: Logger) {
        queue = RequestQueue(file: file)
        self.slowRead = slowRead
        self.logger = logger
    }

    /// Starts a thread that reads through `handle`, and leaves `running` when it has closed it.
    func start(_ handle: SQLiteHandle, in running: DispatchGroup) {
        running.enter()
        NamedThread.start("millrace-reader") { [self] in
            let connection = SQLiteConnection(handle, writes: false)
            while let request = queue.next() {
                read(request, handle, connection)
            }
            handle.close()
            running.leave()
        }
    }

    private func read(_ request: Request, _ handle: SQLiteHandle, _ connection: SQLiteConnection) {
        connection.watch()
        let clock = ContinuousClock()
        let start = clock.now
        do {
            // Deferred: the first statement fixes the state that all of them see.
            try handle.statement("BEGIN").run([:])
            let answer: @Sendable () -> Void
            do {
                answer = try request.run(connection)
                try handle.statement("COMMIT").run([:])
            } catch {
                if !handle.isAutocommit { try handle.statement("ROLLBACK").run([:]) }
                throw error
            }
            answer()
        } catch {
            request.fail(error)
        }
        let duration = clock.now - start
        if duration > slowRead {
            logger.warning(
                "a read held up the log's end for long",
                metadata: [
                    "seconds": "\(duration.seconds)", "statement": "\(connection.slowest.statement)",
                ])
        }
    }
}
