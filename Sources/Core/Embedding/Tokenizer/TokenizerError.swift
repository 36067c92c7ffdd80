/// Why a `tokenizer.json` cannot be used. Retrying never helps: the file itself has to change.
package struct TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of thing is wrong; closed, so that callers can switch over it.
    package enum Code: String, Sendable {
        /// The bytes are not JSON, or not the JSON that this format asks for (a missing field, a wrong type).
        case malformed
        /// Well-formed, but of a kind that ``WordPieceTokenizer`` does not do (another model, another normalizer).
        case unsupported
        /// Its parts contradict one another (an id used twice, an unknown token that is not in the vocabulary).
        case inconsistent
        /// `maxTokens` leaves no room for text.
        case invalidLimit
    }

    package let code: Code
    /// Path of the field inside the file (`model.vocab`), or `offset 1234` for JSON that does not parse.
    package let field: String
    /// One sentence: what is wrong, where, and what to do.
    package let message: String

    package var isRetryable: Bool { false }
    package var description: String { message }

    /// - Parameter problem: the sentence after the field's name, without a full stop.
    init(_ code: Code, _ field: String, _ problem: String) {
        self.code = code
        self.field = field
        let remedy =
            switch code {
            case .malformed, .inconsistent: "fetch the model again or correct the file"
            case .unsupported: "choose a model with a BERT WordPiece tokenizer"
            case .invalidLimit: "raise the manifest's maximum of tokens"
            }
        message = "tokenizer.json: \(field) \(problem); \(remedy)."
    }
}
