/// The space that an embedding lies in. Only embeddings of one space compare: two of different spaces have no meaningful
/// score, so every reply, index and stored row carries its space.
package struct Space: Hashable, Sendable, Codable {
    /// 32 hexadecimal digits that stand for model, revision (its weights), tokenizer, preprocessing, pooling and
    /// normalisation. The precision of the arithmetic is left out: bf16 and float32 agree to a cosine of 0.9999.
    package let id: String

    /// Floats in an embedding.
    package let dimension: Int

    /// A space whose id is known, such as one that was stored.
    package init(id: String, dimension: Int) {
        self.id = id
        self.dimension = dimension
    }

    /// The space of a recipe: `parts` name everything that changes a vector, in a fixed order.
    /// The id is the first half of the SHA-256 of the parts, each ended by a line feed.
    package init(recipe parts: [String], dimension: Int) {
        var hash = SHA256()
        hash.add("millrace.space.1\n\(dimension)\n")
        for part in parts { hash.add(part + "\n") }
        self.init(id: String(hash.finish().prefix(32)), dimension: dimension)
    }
}
