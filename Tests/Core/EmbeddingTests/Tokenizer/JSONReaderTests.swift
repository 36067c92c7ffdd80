import Testing

@testable import Embedding

struct JSONReaderTests {
    private func string(_ json: String) throws -> [UInt8] {
        try Array(JSONField(path: "", value: JSONReader.read(Array(json.utf8))).string().utf8)
    }

    @Test(arguments: [
        ("\"\"", ""), (#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\uD83D\ude00é""#, "é😀é"),
        (" \"##x\" ", "##x"), (#""\u0000""#, "\0"),
    ])
    func `strings are unescaped`(json: String, expected: String) throws {
        #expect(try string(json) == Array(expected.utf8))
    }

    @Test(arguments: ["0", "-0", "12", "-7", " 9007199254740993 "])
    func `integers are exact`(json: String) throws {
        guard case .integer(let value) = try JSONReader.read(Array(json.utf8)) else {
            Issue.record("\(json) is no integer")
            return
        }
        #expect("\(value)" == json.trimmingPrefix(" ").split(separator: " ")[0].replacing("-0", with: "0"))
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{1:1}", "nul",
        "truE", "01",
        "-", "1.", "1e", "+1", ".5", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"a\nb\"", "1 2", "[1 2]", "\u{FEFF}1", "// x", "'a'", "\"\\ud800\\",
    ])
    func `what is no JSON is refused`(json: String) {
        #expect(throws: TokenizerError.self) { try JSONReader.read(Array(json.utf8)) }
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        for bytes: [UInt8] in [
            [0x22, 0xFF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xE4],
        ] {
            #expect(throws: TokenizerError.self) { try JSONReader.read(bytes) }
        }
    }

    @Test func `nesting is bounded`() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: TokenizerError.self) { try JSONReader.read(Array(deep.utf8)) }
        let fine = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        #expect(throws: Never.self) { try JSONReader.read(Array(fine.utf8)) }
    }
}
