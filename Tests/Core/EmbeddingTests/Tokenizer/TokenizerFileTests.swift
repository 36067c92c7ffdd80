import Testing

@testable import Embedding

struct TokenizerFileTests {
    /// A change to ``TinyTokenizer/json`` and the refusal that it must meet.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let from: String
        let to: String
        let code: TokenizerError.Code
        let says: String
        var testDescription: String { says }

        init(_ from: String, _ to: String, _ code: TokenizerError.Code, _ says: String) {
            (self.from, self.to, self.code, self.says) = (from, to, code, says)
        }
    }

    @Test(arguments: [
        Refusal(
            "\"type\": \"WordPiece\"", "\"type\": \"BPE\"", .unsupported,
            "model.type is \"BPE\", and only \"WordPiece\""),
        Refusal("\"type\": \"WordPiece\"", "\"type\": 3", .malformed, "model.type is 3 and must be a string"),
        Refusal("\"BertNormalizer\"", "\"NFC\"", .unsupported, "normalizer.type is \"NFC\""),
        Refusal("\"BertPreTokenizer\"", "\"Whitespace\"", .unsupported, "pre_tokenizer.type is \"Whitespace\""),
        Refusal("\"TemplateProcessing\"", "\"ByteLevel\"", .unsupported, "post_processor.type is \"ByteLevel\""),
        Refusal("\"version\": \"1.0\"", "\"version\": \"2.0\"", .unsupported, "version is \"2.0\""),
        Refusal("\"version\": \"1.0\"", "\"other\": 1", .malformed, "version is missing"),
        Refusal("\"unk_token\": \"[UNK]\"", "\"unk_token\": \"<unk>\"", .inconsistent, "model.unk_token is \"<unk>\""),
        Refusal("\"unk_token\": \"[UNK]\", ", "", .malformed, "model.unk_token is missing"),
        Refusal("\"x\": 8", "\"x\": 20", .inconsistent, "has 14 tokens, but \"x\" has the id 20"),
        Refusal("\"x\": 8", "\"x\": 7", .inconsistent, "gives the id 7 to two tokens"),
        Refusal("\"x\": 8", "\"foo\": 8", .inconsistent, "names the token \"foo\" twice"),
        Refusal("\"x\": 8", "\"x\": -8", .malformed, "model.vocab[\"x\"] is -8"),
        Refusal("\"x\": 8", "\"x\": 8.5", .malformed, "model.vocab[\"x\"] is a fraction"),
        Refusal(
            "\"x\": 8", "\"x\": 99999999999999999999", .malformed,
            "model.vocab[\"x\"] is a fraction or a number too large"),
        Refusal("\"x\": 8", "\"x\": 4294967296", .malformed, "model.vocab[\"x\"] is 4294967296"),
        Refusal("\"x\": 8", "\"x\": \"8\"", .malformed, "model.vocab[\"x\"] is a string"),
        Refusal("\"lowercase\": true", "\"lowercase\": 1", .malformed, "normalizer.lowercase is 1"),
        Refusal("\"lowercase\": true", "\"lower\": true", .malformed, "normalizer.lowercase is missing"),
        Refusal(
            "\"strip_accents\": null", "\"strip_accents\": \"no\"", .malformed, "normalizer.strip_accents is a string"),
        Refusal("_word\": 8", "_word\": 1e3", .malformed, "max_input_chars_per_word"),
        Refusal("\"id\": \"A\"", "\"id\": \"B\"", .unsupported, "post_processor.single[1].Sequence.id is \"B\""),
        Refusal("\"ids\": [1]", "\"ids\": [14]", .inconsistent, "post_processor.special_tokens.[CLS].ids[0] is 14"),
        Refusal(
            "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}},", "", .malformed, "post_processor.single has no place"),
        Refusal("\"id\": \"A\", \"type_id\": 0", "\"id\": \"A\", \"type_id\": 1", .unsupported, "type_id is not 0"),
        Refusal("\"[SEP]\": {\"id\"", "\"[END]\": {\"id\"", .malformed, "post_processor.special_tokens.[SEP]"),
        Refusal(
            "{\"id\": 0, \"content\"", "{\"id\": 5, \"content\"", .inconsistent,
            "added_tokens[0].id is 5, but \"[UNK]\""),
        Refusal("\"content\": \"[UNK]\"", "\"content\": \"\"", .inconsistent, "added_tokens[0].content is empty"),
        Refusal("\"normalized\": false, ", "", .malformed, "added_tokens[0].normalized"),
        Refusal("\"padding\": null", "\"padding\": {\"pad_id\": 14}", .inconsistent, "padding.pad_id is 14"),
        Refusal("\"[PAD]\": 3", "\"pad\": 3", .inconsistent, "padding is null and no token"),
        Refusal("\"model\"", "\"modem\"", .malformed, "model"),
        Refusal(TinyTokenizer.json, "[]", .malformed, "the file is an array and must be an object"),
        Refusal(TinyTokenizer.json, "", .malformed, "offset 0 is the end of a cut-off file"),
    ])
    func `a file that cannot be used is refused by its field`(_ refusal: Refusal) throws {
        #expect(TinyTokenizer.json.contains(refusal.from))
        let error = try #require(throws: TokenizerError.self) {
            try TinyTokenizer.read((from: refusal.from, to: refusal.to))
        }
        #expect(error.code == refusal.code)
        #expect(error.message.hasPrefix("tokenizer.json: "))
        #expect(error.message.contains(refusal.says), "\(error.message)")
        #expect(!error.isRetryable)
    }

    @Test func `two added tokens that normalize alike are refused`() {
        #expect(throws: TokenizerError.self) {
            try TinyTokenizer.reading((content: "Qu", flags: ["normalized"]), (content: "qU", flags: ["normalized"]))
        }
        #expect(throws: TokenizerError.self) {
            try TinyTokenizer.reading((content: "\u{301}", flags: ["normalized"]))
        }
    }

    @Test func `null for strip_accents means as lowercase`() throws {
        let file = { (json: String) in try TokenizerFile(Array(json.utf8)).normalizer.stripsAccents }
        #expect(try file(TinyTokenizer.json))
        #expect(try !file(TinyTokenizer.json.replacing("\"lowercase\": true", with: "\"lowercase\": false")))
        #expect(try !file(TinyTokenizer.json.replacing("\"strip_accents\": null", with: "\"strip_accents\": false")))
    }

    @Test func `every beginning of a file is refused`() {
        let bytes = Array(TinyTokenizer.json.utf8)
        for count in 0..<bytes.count {
            #expect(throws: TokenizerError.self) {
                try WordPieceTokenizer(tokenizerJSON: Array(bytes[..<count]), maxTokens: 8)
            }
        }
    }
}
