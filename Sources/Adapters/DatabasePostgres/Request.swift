import Core

/// A caller that waits for its transaction, its result type erased.
final class Request: Sendable {
    enum Kind: Sendable {
        case read
        case write
        /// A statement outside transactions.
        case alone(String)
    }

    let kind: Kind
    /// Runs the body and returns what tells the caller of its success, to be called after the commit.
    let run: @Sendable (PostgresConnection) throws -> @Sendable () -> Void
    let fail: @Sendable (any Error) -> Void

    init(
        _ kind: Kind, run: @escaping @Sendable (PostgresConnection) throws -> @Sendable () -> Void,
        fail: @escaping @Sendable (any Error) -> Void
    ) {
        self.kind = kind
        self.run = run
        self.fail = fail
    }
}

/// Identifies a submission while its task may be cancelled.
final class Ticket: Sendable {
    var id: ObjectIdentifier { ObjectIdentifier(self) }
}
