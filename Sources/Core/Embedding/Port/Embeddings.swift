/// What an ``Embedder`` answers: one row for each text asked, in the order asked.
package struct Embeddings: Sendable, Equatable {
    /// `rows × dimension` floats, row-major, each row of L2 norm 1.
    package var vectors: [Float]

    /// Floats in a row.
    package let dimension: Int

    /// Tokens that the model read for each row, its special tokens included.
    package var tokenCounts: [Int32]

    /// Whether a row's text was longer than the model reads, so that its end was left out.
    package var isTruncated: [Bool]

    /// Number of rows.
    package var rows: Int { tokenCounts.count }

    /// - Precondition: `vectors.count == tokenCounts.count * dimension`, and one `isTruncated` for each row.
    package init(vectors: [Float], dimension: Int, tokenCounts: [Int32], isTruncated: [Bool]) {
        precondition(vectors.count == tokenCounts.count * dimension, "vectors are not rows × dimension")
        precondition(tokenCounts.count == isTruncated.count, "one truncation mark for each row")
        self.vectors = vectors
        self.dimension = dimension
        self.tokenCounts = tokenCounts
        self.isTruncated = isTruncated
    }

    /// The `dimension` floats of a row, without a copy.
    package subscript(row: Int) -> ArraySlice<Float> {
        vectors[row * dimension..<(row + 1) * dimension]
    }
}
