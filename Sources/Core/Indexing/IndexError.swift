/// Input that the index refuses. Nothing was changed, and the same input will be refused again.
package struct IndexError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// A vector or query of another length than the index's dimension.
        case dimension
        /// A value that is NaN or infinite, or a vector too long for float32 products (norm above 1e18).
        case notFinite
        /// More or fewer hits asked for than a search gives.
        case limit
    }

    package let code: Code
    /// One sentence: what, where, how to fix.
    package let message: String
    /// The item whose vector was refused, nil for a query.
    package let item: Int64?

    package var isRetryable: Bool { false }
    package var description: String { message }
}

extension IndexError {
    static func dimension(_ found: Int, expected: Int, item: Int64?) -> IndexError {
        IndexError(
            code: .dimension,
            message: "\(subject(item)) has \(found) values where this index holds vectors of \(expected): "
                + "embed it with the model of this collection.",
            item: item)
    }

    static func notFinite(item: Int64?) -> IndexError {
        IndexError(
            code: .notFinite,
            message: "\(subject(item)) has a value that is not a finite number or is far too large: "
                + "normalise it to unit length before it is indexed.",
            item: item)
    }

    static func limit(_ k: Int) -> IndexError {
        IndexError(
            code: .limit,
            message: "A search for \(k) hits was refused: ask for 1 to \(Reader.largestK).",
            item: nil)
    }

    private static func subject(_ item: Int64?) -> String {
        item.map { "The vector of item \($0)" } ?? "The query"
    }
}
