import Testing

@testable import Embedding

/// Expected ids are what the package `tokenizers` 0.23.3 gives; see also ``TokenizerPeerTests``.
struct WordPieceTokenizerTests {
    @Test(arguments: [
        ("", []), ("\0\u{301}", []),
        ("Hello, world!", [7592, 1010, 2088, 999]),
        ("unaffable", [14477, 20961, 3468]),
        ("向量数据库", [100, 100, 100, 100, 100]),
        ("こんにちは、世界", [1655, 30217, 30194, 30188, 30198, 1635, 1745, 100]),
        ("👩‍👩‍👧 café", [100, 7668]),
        ("I [MASK] you[SEP]", [1045, 103, 2017, 102]),
        ("[mask]", [1031, 7308, 1033]),
        ("  [CLS]  x", [101, 1060]),
        (
            "안녕하세요 한국어",
            [
                1463, 30006, 30021, 29992, 30010, 30025, 30005, 30006, 29997, 30009, 29999, 30013, 1469, 30006, 30021,
                29991,
                30014, 30020, 29999, 30008,
            ]
        ),
    ])
    func `all-MiniLM-L6-v2 gives the ids of the package tokenizers`(text: String, expected: [Int32]) throws {
        let contents = try TestSettings.contents(ofModelFile: "all-minilm-l6-v2/tokenizer.json")
        let tokenizer = try WordPieceTokenizer(tokenizerJSON: contents, maxTokens: 128)
        #expect(tokenizer.encode(text) == TokenIDs(ids: [101] + expected + [102], isTruncated: false))
        #expect(tokenizer.vocabularySize == 30_522)
        #expect(tokenizer.padID == 0)
    }

    @Test(arguments: [
        ("unaffabl", [0]), ("unaffable", [0]), ("unx", [4, 9]), ("xb abx", [8, 13, 12, 13, 9]), ("ununun", [0]),
        ("xxxxxxxx", [8, 9, 9, 9, 9, 9, 9, 9]), ("xxxxxxxxx", [0]), ("中中", [11, 11]), ("unaff", [4, 5]),
    ])
    func `words are cut into the longest pieces, or are unknown as a whole`(text: String, expected: [Int32]) throws {
        #expect(try TinyTokenizer.read().inner(text) == expected)
    }

    @Test func `a text of exactly the limit is not truncated, one token more is`() throws {
        let tokenizer = try TinyTokenizer.read(maxTokens: 5)
        #expect(tokenizer.encode("foo bar x") == TokenIDs(ids: [1, 7, 10, 8, 2], isTruncated: false))
        #expect(tokenizer.encode("foo bar xb") == TokenIDs(ids: [1, 7, 10, 8, 2], isTruncated: true))
        #expect(tokenizer.encode("[UNK][UNK][UNK][UNK]") == TokenIDs(ids: [1, 0, 0, 0, 2], isTruncated: true))
    }

    @Test func `appending keeps what the buffer holds`() throws {
        let tokenizer = try TinyTokenizer.read(maxTokens: 4)
        var ids: [Int32] = [99]
        var scratch = TokenScratch()
        #expect(tokenizer.encode("foo", appendingTo: &ids, scratch: &scratch) == false)
        #expect(tokenizer.encode("bar x x x", appendingTo: &ids, scratch: &scratch) == true)
        #expect(ids == [99, 1, 7, 2, 1, 10, 8, 2])
    }

    @Test func `long text is the same in parts as in one`() throws {
        let tokenizer = try TinyTokenizer.read(maxTokens: 1_000_000)
        let text = String(repeating: "foo bar\tx\nxb ", count: 10_000)
        let expected: [Int32] = Array(repeatElement([7, 10, 8, 8, 13], count: 10_000).joined())
        #expect(tokenizer.inner(text) == expected)
    }

    @Test func `the vocabulary tells apart what Swift strings hold equal`() throws {
        let tokenizer = try TinyTokenizer.read(
            ("\"x\": 8", "\"\u{E9}\": 8"), ("\"##x\": 9", "\"e\u{301}\": 9"),
            ("\"strip_accents\": null", "\"strip_accents\": false"))
        #expect(tokenizer.vocabularySize == 14)
        #expect(tokenizer.inner("\u{E9} e\u{301} \u{C9}") == [8, 9, 8])
    }

    @Test func `the pad id is the file's, or that of the PAD token`() throws {
        #expect(try TinyTokenizer.read().padID == 3)
        #expect(try TinyTokenizer.read(("\"padding\": null", "\"padding\": {\"pad_id\": 12}")).padID == 12)
    }

    @Test func `a limit must leave room for text beside the special tokens`() {
        #expect(throws: Never.self) { try TinyTokenizer.read(maxTokens: 3) }
        #expect(throws: TokenizerError.self) { try TinyTokenizer.read(maxTokens: 2) }
        #expect(throws: TokenizerError.self) { try TinyTokenizer.read(maxTokens: -1) }
    }
}
