import CPostgres
import Foundation

/// What asks a server to stop a statement, from any thread and through a connection of its own.
final class CancelKey: @unchecked Sendable {
    private let key: OpaquePointer

    init?(_ handle: PostgresHandle) {
        guard let key = PQgetCancel(handle.connection) else { return nil }
        self.key = key
    }

    deinit { PQfreeCancel(key) }

    /// Blocks until the server has taken the request; it then stops what the connection does, if it does anything.
    func send() {
        var words = [CChar](repeating: 0, count: 256)
        // A failure is not told: the statement runs to its end or to its limit.
        PQcancel(key, &words, Int32(words.count))
    }
}

/// Ends the statement of a cancelled task, and no other's: knows which ticket a connection works for at the moment.
///
/// `@unchecked Sendable`: everything is touched under `lock` alone.
final class Canceller: @unchecked Sendable {
    private let lock = NSLock()
    private var ticket: ObjectIdentifier?
    private var wasCancelled = false
    /// Stops the transaction that runs now; nil where none does, or it is past stopping.
    private var key: CancelKey?
    /// The key by which the server is being told at the moment.
    private var sending: CancelKey?

    /// The thread works for `ticket` from now on.
    func begin(_ ticket: ObjectIdentifier) {
        lock.withLock {
            self.ticket = ticket
            wasCancelled = false
        }
    }

    /// The thread works for nobody from now on.
    func end() {
        lock.withLock { ticket = nil }
    }

    /// A transaction begins that `key` stops. - Returns: false where the ticket was cancelled before.
    func arm(_ key: CancelKey?) -> Bool {
        lock.withLock {
            self.key = key
            return !wasCancelled
        }
    }

    /// The transaction ends, and can be stopped no more.
    ///
    /// - Returns: whether the ticket was cancelled, and whether the server may still get to hear of it and then stop
    ///   whatever the connection does next.
    func disarm() -> (wasCancelled: Bool, isOnItsWay: Bool) {
        lock.withLock {
            key = nil
            return (wasCancelled, sending != nil)
        }
    }

    /// Stops what is done for `ticket`, if anything is. Returns at once; a thread of its own tells the server.
    func cancel(_ ticket: ObjectIdentifier) {
        let key: CancelKey? = lock.withLock {
            guard self.ticket == ticket, !wasCancelled else { return nil }
            wasCancelled = true
            sending = self.key
            return self.key
        }
        guard let key else { return }
        Thread.detachNewThread { [self] in
            key.send()
            lock.withLock { if sending === key { sending = nil } }
        }
    }
}
