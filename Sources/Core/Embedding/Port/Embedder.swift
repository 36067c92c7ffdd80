/// How soon an answer is wanted.
package enum Urgency: String, Sendable, Hashable, CaseIterable {
    /// Many texts, throughput counts.
    case bulk
    /// A person waits: the texts never queue behind bulk work.
    case interactive
}

/// The port to a model that turns texts into embeddings. Adapters implement it by runtime.
package protocol Embedder: Sendable {
    /// The space of every embedding this embedder makes.
    var space: Space { get }

    /// What computes, for people: `CPU (AMD EPYC, bf16)`.
    var device: String { get }

    /// Embeds `texts`; row i of the answer belongs to `texts[i]`. An empty list answers no rows.
    ///
    /// Any number of calls may be in flight; they share the device fairly. Cancellation of the calling task is honoured
    /// between batches. O(tokens²) at worst in the length of a text, O(texts) otherwise.
    ///
    /// - Throws: ``EmbeddingError``; after `outOfMemory` the caller may ask again with fewer texts.
    @concurrent func embed(_ texts: [String], urgency: Urgency) async throws(EmbeddingError) -> Embeddings
}
