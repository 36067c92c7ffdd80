/// Why a search cannot be answered.
package struct SearchError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable {
        /// Nothing has been attached yet.
        case noCollection
        case unknownCollection
        case unknownItem
        case badQuery
        /// The index is being rebuilt.
        case notReady
        /// The query's vector lies in another space than the collection's.
        case spaceMismatch
    }

    package let code: Code
    /// One sentence: what, where, how to fix.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var isRetryable: Bool { code == .notReady }

    package var description: String { message }
}
