/// A question to the index.
package struct SearchRequest: Sendable, Equatable {
    /// What to search near.
    package enum Probe: Sendable, Equatable {
        case text(String)
        /// One vector of the collection's space, of any length (norm); it is normalised by the backend.
        case vector([Float])
        /// An item of the collection, by key: "more like this". The item itself is not among the results.
        case item(String)
    }

    /// The most results that one search answers.
    package static let maximumCount = 10_000

    package var probe: Probe
    /// How many results, 1 … ``maximumCount``.
    package var count: Int
    /// The collection; nil where there is only one.
    package var collection: String?

    package init(_ probe: Probe, count: Int = 10, collection: String? = nil) {
        self.probe = probe
        self.count = count
        self.collection = collection
    }
}

/// The answer to a ``SearchRequest``.
package struct SearchAnswer: Encodable, Sendable, Equatable {
    package enum Method: String, Encodable, Sendable {
        /// Every vector was compared.
        case exact
        case approximate
    }

    package struct Result: Encodable, Sendable, Equatable {
        package var key: String
        /// Cosine similarity, −1 … 1.
        package var score: Float
        /// The item's text, for showing; may be shortened.
        package var text: String
        package var collection: String

        package init(key: String, score: Float, text: String, collection: String) {
            self.key = key
            self.score = score
            self.text = text
            self.collection = collection
        }
    }

    package var collection: String
    package var method: Method
    /// Milliseconds from the request to the results, embedding the text included.
    package var tookMs: Double
    /// Best first.
    package var results: [Result]

    package init(collection: String, method: Method, tookMs: Double, results: [Result]) {
        self.collection = collection
        self.method = method
        self.tookMs = tookMs
        self.results = results
    }
}
