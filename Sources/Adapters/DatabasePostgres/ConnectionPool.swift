import Core
import Foundation
import Logging

/// Connections, each on a thread of its own, that serve one line of requests. Connections are opened when they are needed.
///
/// Writers' threads all start at once and stay: a worker stands back for other programs, with every thread but these, and one
/// that started later would stand back too, while a user's statement waits for what it has locked.
///
/// `@unchecked Sendable`: `line` and `threads` are touched under `lock` alone.
final class ConnectionPool: @unchecked Sendable {
    let address: ServerAddress
    let options: PostgresDatabase.Options
    let listener: Listener
    let logger: Logger
    /// Whether its connections must be able to write.
    let isWriter: Bool
    private let running: DispatchGroup
    private let lock = NSLock()
    private var line: RequestLine
    private var threads: [Int: ConnectionThread] = [:]

    init(
        _ address: ServerAddress, _ options: PostgresDatabase.Options, isWriter: Bool, listener: Listener,
        running: DispatchGroup, logger: Logger
    ) {
        self.address = address
        self.options = options
        self.isWriter = isWriter
        self.listener = listener
        self.running = running
        self.logger = logger
        line = RequestLine(threads: max(1, isWriter ? options.writers : options.readers))
    }

    // MARK: Callers

    /// Waits until a thread has run `body`, and committed it.
    ///
    /// A task cancelled while it waits in line is taken out of it; one whose body runs has its statement stopped.
    func submit<Result: Sendable>(
        _ kind: Request.Kind, _ body: @escaping @Sendable (PostgresConnection) throws -> Result
    ) async throws -> Result {
        let ticket = Ticket()
        let id = ticket.id
        defer { withExtendedLifetime(ticket) { lock.withLock { line.forget(id) } } }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let request = Request(kind) { connection in
                    let value = try body(connection)
                    return { continuation.resume(returning: value) }
                } fail: {
                    continuation.resume(throwing: $0)
                }
                admit(request, id)
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func admit(_ request: Request, _ ticket: ObjectIdentifier) {
        let (admission, thread) = lock.withLock {
            let admission = line.admit(request, ticket: ticket)
            switch admission {
            case .wake(let number): return (admission, threads[number])
            case .start(let number): return (admission, add(number))
            case .cancelled, .closed, .waits: return (admission, nil)
            }
        }
        switch admission {
        case .cancelled: request.fail(CancellationError())
        case .closed:
            request.fail(DatabaseError(.closed, "\(address.place) is being closed: the program is ending"))
        case .waits: break
        case .wake: thread?.wake()
        case .start: thread?.start(in: running)
        }
    }

    private func add(_ number: Int, _ handle: PostgresHandle? = nil) -> ConnectionThread {
        let thread = ConnectionThread(number, of: self, handle)
        threads[number] = thread
        return thread
    }

    private func cancel(_ ticket: ObjectIdentifier) {
        let (request, threads) = lock.withLock { (line.withdraw(ticket), Array(self.threads.values)) }
        if let request {
            request.fail(CancellationError())
        } else {
            for thread in threads { thread.canceller.cancel(ticket) }
        }
    }

    /// Starts the writers, the first with a connection that is there already.
    func start(with handle: PostgresHandle) {
        let started = lock.withLock {
            var started: [ConnectionThread] = []
            while let number = line.start() { started.append(add(number, started.isEmpty ? handle : nil)) }
            return started
        }
        for thread in started { thread.start(in: running) }
    }

    /// Admits no more; the threads end when they have served what waits.
    func close() {
        let idle = lock.withLock { line.close().compactMap { threads[$0] } }
        for thread in idle { thread.wake() }
    }

    // MARK: Threads

    /// What `thread` does now that it has nothing in hand.
    func next(for thread: ConnectionThread) -> RequestLine.Step {
        lock.withLock {
            let step = line.next(for: thread.number)
            switch step {
            // Under the lock, so that a cancellation finds the request either in the line or with its thread.
            case .serve(_, let ticket): thread.canceller.begin(ticket)
            case .end: threads[thread.number] = nil
            case .wait: break
            }
            return step
        }
    }

    /// Whether `thread`, which nobody has needed for long, may end.
    func retire(_ thread: ConnectionThread) -> Bool {
        lock.withLock {
            guard line.retire(thread.number) else { return false }
            threads[thread.number] = nil
            return true
        }
    }

    /// Tells all that wait that the server cannot be had: they would only wait to hear the same.
    func failWaiting(_ error: DatabaseError) {
        for request in lock.withLock({ line.drain() }) { request.fail(error) }
    }
}
