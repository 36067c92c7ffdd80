@testable import Embedding

/// A tokenizer.json of fourteen tokens, to be changed by replacing parts of its text.
enum TinyTokenizer {
    static let json = """
        {"version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [{"id": 0, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true}],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
        "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1]}, "[SEP]": {"id": "[SEP]", "ids": [2]}}},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 8, "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "un": 4, "##aff": 5,
        "##able": 6, "foo": 7, "x": 8, "##x": 9, "bar": 10, "中": 11, "a": 12, "##b": 13}}}
        """

    /// - Parameter changes: parts of ``json``, and what stands there instead.
    static func read(
        _ changes: (from: String, to: String)..., maxTokens: Int = 64
    ) throws(TokenizerError) -> WordPieceTokenizer {
        var text = json
        for change in changes { text = text.replacing(change.from, with: change.to) }
        return try WordPieceTokenizer(tokenizerJSON: Array(text.utf8), maxTokens: maxTokens)
    }

    /// With added tokens, each given as its content and the flags that are true.
    static func reading(_ tokens: (content: String, flags: [String])...) throws -> WordPieceTokenizer {
        let entries = tokens.enumerated().map { index, token in
            let flags = ["single_word", "lstrip", "rstrip", "normalized", "special"]
                .map { "\"\($0)\": \(token.flags.contains($0))" }.joined(separator: ", ")
            return "{\"id\": \(14 + index), \"content\": \"\(token.content)\", \(flags)}, "
        }
        return try read(("\"added_tokens\": [", "\"added_tokens\": [" + entries.joined()))
    }
}

extension WordPieceTokenizer {
    /// The ids of a text without those that the template puts around it.
    func inner(_ text: String) -> [Int32] { Array(encode(text).ids.dropFirst().dropLast()) }
}
