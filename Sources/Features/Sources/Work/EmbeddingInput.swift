package import Core
import Embedding

/// A claimed row as it was read: what to embed, or why there is nothing to embed.
package struct EmbeddingInput: Sendable {
    package enum Content: Sendable {
        /// The text to embed, with the hash that stands for it in this space.
        case text(String, hash: [UInt8])
        /// Every text column is NULL or blank.
        case nothing
        /// The row no longer exists.
        case gone
        /// The row cannot be rendered.
        case unusable(JobFailure)
    }

    package let job: Job
    /// The text columns' values as read; the settlement compares them.
    package let values: [Value]
    package let content: Content
}

/// The hash under which an embedding is known: of the rendered input and the space, so that equal inputs are embedded
/// once and a change of model changes every hash.
package func inputHash(_ text: String, space: String) -> [UInt8] {
    var hash = SHA256()
    hash.add(space)
    hash.add("\0")
    hash.add(text)
    return Array(hash.finishBytes().prefix(16))
}
