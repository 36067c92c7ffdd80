import Testing

@testable import Embedding

/// Expected words are what `BertPreTokenizer` of the package `tokenizers` 0.23.3 returns.
struct BertWordsTests {
    @Test(arguments: [
        ("Hey friend!     How are you?!?", ["Hey", "friend", "!", "How", "are", "you", "?", "!", "?"]),
        ("a\u{3000}b\u{85}c\u{200B}d", ["a", "b", "c\u{200B}d"]),
        ("$1+2=~|x", ["$", "1", "+", "2", "=", "~", "|", "x"]),
        ("a\u{166D}中。\u{2E43}b", ["a", "\u{166D}", "中", "。", "\u{2E43}b"]),
        ("¡hola’s", ["¡", "hola", "’", "s"]),
        ("  ", []), ("", []),
    ])
    func `white space separates and punctuation stands alone`(text: String, expected: [String]) {
        var words = BertWords(0..<text.utf8.count)
        let bytes = Array(text.utf8)
        var found: [String] = []
        while let word = words.next(in: text.utf8.span) {
            found.append(String(decoding: bytes[word.bytes], as: UTF8.self))
            #expect(word.scalarCount == found.last?.unicodeScalars.count)
        }
        #expect(found == expected)
    }

    @Test func `a range is read as if it were the whole text`() {
        var words = BertWords(2..<4)
        let text = "abcdef"
        #expect(words.next(in: text.utf8.span) == Word(bytes: 2..<4, scalarCount: 2))
        #expect(words.next(in: text.utf8.span) == nil)
    }
}
