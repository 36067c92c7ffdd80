import Core

/// A caller that waits for its transaction, its result type erased.
final class Request: Sendable {
    enum Kind: Sendable {
        /// A body in a transaction, which others may share.
        case transaction
        /// Work that must run outside transactions: checkpoints.
        case alone
    }

    let kind: Kind
    let arrived: ContinuousClock.Instant
    /// Runs the body and returns what tells the caller of its success, to be called after the commit.
    let run: @Sendable (SQLiteConnection) throws -> @Sendable () -> Void
    let fail: @Sendable (any Error) -> Void

    init(
        _ kind: Kind, run: @escaping @Sendable (SQLiteConnection) throws -> @Sendable () -> Void,
        fail: @escaping @Sendable (any Error) -> Void
    ) {
        self.kind = kind
        arrived = ContinuousClock().now
        self.run = run
        self.fail = fail
    }
}

/// Identifies a submission while its task may be cancelled.
final class Ticket: Sendable {}
