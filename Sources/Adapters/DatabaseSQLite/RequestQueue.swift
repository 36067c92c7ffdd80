import Core
import Foundation

/// Where callers, which are tasks, hand their transactions to threads that may block.
///
/// `@unchecked Sendable`: `line` is touched under `condition` alone.
final class RequestQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var line = RequestLine()
    private let file: String

    init(file: String) {
        self.file = file
    }

    // MARK: Callers

    /// Waits until a thread has run `body`, and committed it where it is the writer's.
    ///
    /// A task cancelled while it waits in line is taken out of it; one whose body runs gets the body's outcome.
    func submit<Result: Sendable>(
        _ kind: Request.Kind = .transaction, _ body: @escaping @Sendable (SQLiteConnection) throws -> Result
    ) async throws -> Result {
        let ticket = Ticket()
        let id = ObjectIdentifier(ticket)
        defer { withExtendedLifetime(ticket) { changing { $0.forget(id) } } }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let request = Request(kind) { connection in
                    let value = try body(connection)
                    return { continuation.resume(returning: value) }
                } fail: {
                    continuation.resume(throwing: $0)
                }
                switch changing({ $0.admit(request, ticket: id) }) {
                case .admitted: condition.signal()
                case .cancelled: continuation.resume(throwing: CancellationError())
                case .closed:
                    continuation.resume(
                        throwing: DatabaseError(.closed, "\(file) is being closed: the program is ending"))
                }
            }
        } onCancel: {
            changing { $0.withdraw(id) }?.fail(CancellationError())
        }
    }

    /// Admits no more; the threads end when they have served what waits.
    func close() {
        changing { $0.close() }
        condition.broadcast()
    }

    // MARK: Threads

    /// Blocks until something waits; for the writer.
    ///
    /// - Returns: the kind of the oldest, nil when the queue is closed and empty.
    func wait() -> Request.Kind? {
        linger()
        condition.lock()
        defer { condition.unlock() }
        while line.isEmpty && !line.isClosed { condition.wait() }
        return line.next
    }

    /// Looks again and again for a moment before the thread sleeps: whoever writes one transaction after another comes back
    /// within it, and to wake a sleeping thread takes about as long.
    private func linger() {
        let end = monotonicNanoseconds() + Self.lingering
        while changing({ $0.isEmpty && !$0.isClosed }), monotonicNanoseconds() < end { sched_yield() }
    }

    /// Nanoseconds.
    private static let lingering: Int64 = 100_000

    /// Blocks until there is a request and takes it; nil when the queue is closed and empty.
    func next() -> Request? {
        condition.lock()
        defer { condition.unlock() }
        while line.isEmpty && !line.isClosed { condition.wait() }
        return line.take(.transaction)
    }

    /// Takes the oldest if it is of `kind`; does not wait.
    func take(_ kind: Request.Kind) -> Request? {
        changing { $0.take(kind) }
    }

    /// Whether the oldest is of `kind`; does not wait.
    func holds(_ kind: Request.Kind) -> Bool {
        changing { $0.next == kind }
    }

    func putBack(_ requests: [Request]) {
        changing { $0.putBack(requests) }
    }

    func expire(before moment: ContinuousClock.Instant) -> [Request] {
        changing { $0.expire(before: moment) }
    }

    func drain() -> [Request] {
        changing { $0.drain() }
    }

    private func changing<Result>(_ body: (inout RequestLine) -> Result) -> Result {
        condition.lock()
        defer { condition.unlock() }
        return body(&line)
    }
}
