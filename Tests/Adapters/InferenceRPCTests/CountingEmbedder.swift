import Embedding

/// Embeds a text as its number of characters, so that rows can be told apart.
struct CountingEmbedder: Embedder {
    let space = Space(id: "counting", dimension: 2)
    let device = "test"

    @concurrent func embed(_ texts: [String], urgency: Urgency) async throws(EmbeddingError) -> Embeddings {
        guard urgency == .interactive else { throw EmbeddingError(.badInput, "a query is interactive") }
        guard !texts.contains("fail") else { throw EmbeddingError(.outOfMemory, "no memory for this") }
        return Embeddings(
            vectors: texts.flatMap { [Float($0.count), 1] }, dimension: 2,
            tokenCounts: texts.map { Int32($0.count) }, isTruncated: texts.map { $0.count > 5 })
    }
}
