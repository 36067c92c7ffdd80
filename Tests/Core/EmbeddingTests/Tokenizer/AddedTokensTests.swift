import Testing

@testable import Embedding

/// Expected ids are what the package `tokenizers` 0.23.3 gives with the same added tokens.
struct AddedTokensTests {
    @Test func `lstrip and rstrip take white space along`() throws {
        let tokenizer = try TinyTokenizer.reading((content: "<e>", flags: ["lstrip", "rstrip"]))
        #expect(tokenizer.inner("foo  <e> \u{3000} bar<e>") == [7, 14, 10, 14])
    }

    @Test func `a single word counts only where no word character touches it`() throws {
        let tokenizer = try TinyTokenizer.reading((content: "<e>", flags: ["single_word"]))
        #expect(tokenizer.inner("<e> x<e> <e>_ .<e>. <e>") == [14, 8, 0, 0, 0, 0, 0, 0, 0, 0, 14, 0, 14])
    }

    @Test func `a normalized token is found in normalized text`() throws {
        let tokenizer = try TinyTokenizer.reading((content: "Foo Bar", flags: ["normalized"]))
        #expect(tokenizer.inner("x foo bar FOO BAR foo  bar") == [8, 14, 14, 7, 10])
        let accented = try TinyTokenizer.reading((content: "é", flags: ["normalized"]))
        #expect(accented.inner("xex") == [8, 14, 8])
    }

    @Test func `a token that is not normalized is found as written only`() throws {
        let tokenizer = try TinyTokenizer.reading((content: "Foo Bar", flags: []))
        #expect(tokenizer.inner("x foo bar FOO BAR Foo Bar") == [8, 7, 10, 7, 10, 14])
    }

    @Test func `the longest of the leftmost is taken`() throws {
        let tokenizer = try TinyTokenizer.reading((content: "<e>", flags: []), (content: "<e>>", flags: []))
        #expect(tokenizer.inner("<e>><e>") == [15, 14])
    }

    @Test func `a token of white space inside what another stripped loses nothing`() throws {
        // The package stops with a panic here, so there is nothing to be equal to.
        let tokenizer = try TinyTokenizer.reading((content: "<e>", flags: ["rstrip"]), (content: " ", flags: []))
        #expect(tokenizer.inner("<e>  foo").last == 7)
    }
}
