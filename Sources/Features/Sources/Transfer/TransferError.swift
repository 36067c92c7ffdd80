/// Why an installation cannot be moved, or was not.
package struct TransferError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable {
        /// A worker or server lives on one of the two databases.
        case inUse
        /// There is nothing to move.
        case nothingToMove
        /// The target has something where the copy goes.
        case occupied
        /// The target's table is none that the origin's rows can be written into.
        case badTarget
        /// A value has no place in its column.
        case doesNotFit
        /// What the two databases hold is not the same.
        case differs
        /// The database holds a copy that was never finished.
        case unfinished
    }

    package let code: Code
    /// One sentence: what, where, how to fix.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
