/// A text as a model reads it.
package struct TokenIDs: Sendable, Equatable {
    /// Ids into the model's vocabulary, special tokens included; never empty.
    package var ids: [Int32]

    /// Whether the text had more tokens than the model reads.
    package var isTruncated: Bool

    /// Ids that a tokenizer made.
    package init(ids: [Int32], isTruncated: Bool) {
        self.ids = ids
        self.isTruncated = isTruncated
    }
}

/// The port between a model and its tokenizer.
package protocol Tokenizer: Sendable {
    /// The ids of `text`, special tokens included, cut to what the model reads. Total: any string has an encoding.
    func encode(_ text: String) -> TokenIDs

    /// The id that fills rows shorter than their batch; masked, so it never counts.
    var padID: Int32 { get }
}
