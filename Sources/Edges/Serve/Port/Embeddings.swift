/// Vectors for a list of texts.
package struct Embeddings: Sendable, Equatable {
    /// `rows × dimension` floats, row-major, L2-normalised; row i belongs to text i.
    package var values: [Float]
    package var dimension: Int
    /// Tokens read of each text, special tokens included.
    package var tokenCounts: [Int]

    package init(values: [Float], dimension: Int, tokenCounts: [Int]) {
        precondition(values.count == dimension * tokenCounts.count, "an embedding is missing or too many")
        self.values = values
        self.dimension = dimension
        self.tokenCounts = tokenCounts
    }

    /// The vector of text `row`, without a copy.
    package func vector(_ row: Int) -> ArraySlice<Float> {
        values[row * dimension..<(row + 1) * dimension]
    }
}

/// A model that is served here.
package struct Model: Sendable, Equatable {
    package var name: String
    /// Floats in a vector.
    package var dimension: Int
    /// Unix time at which it was installed.
    package var createdSeconds: Int64

    package init(name: String, dimension: Int, createdSeconds: Int64) {
        self.name = name
        self.dimension = dimension
        self.createdSeconds = createdSeconds
    }
}
