import Foundation
import Testing

@testable import Embedding

/// Against the package `tokenizers` itself, on strings that `Tests/Peers/tokenizer_strings.py` makes from a seed.
struct TokenizerPeerTests {
    private struct Line: Decodable {
        var tokenizer: String?
        var text: String?
        var max: Int?
        var ids: [Int32]?
    }

    @Test(arguments: [20_261_121])
    func `ids equal those of the package tokenizers on 10,000 strings and five other settings`(seed: Int) throws {
        let output = try TestSettings.runPeer("tokenizer_strings.py", ["--seed", "\(seed)", "--count", "10000"])
        var contents: [UInt8] = []
        var tokenizers: [Int: WordPieceTokenizer] = [:]
        var scratch = TokenScratch()
        var compared = 0
        var failures = 0
        for bytes in output.split(separator: UInt8(ascii: "\n")) {
            let line = try JSONDecoder().decode(Line.self, from: bytes)
            if let json = line.tokenizer {
                contents = Array(json.utf8)
                tokenizers = [:]
                continue
            }
            let text = try #require(line.text)
            let maxTokens = try #require(line.max)
            let expected = try #require(line.ids)
            let tokenizer =
                try tokenizers[maxTokens] ?? WordPieceTokenizer(tokenizerJSON: contents, maxTokens: maxTokens)
            tokenizers[maxTokens] = tokenizer

            var ids: [Int32] = []
            let isTruncated = tokenizer.encode(text, appendingTo: &ids, scratch: &scratch)
            compared += 1
            if ids != expected || (isTruncated && ids.count != maxTokens) {
                failures += 1
                let shown = text.unicodeScalars.prefix(80).map { String($0.value, radix: 16) }.joined(separator: " ")
                if failures <= 10 {
                    Issue.record("seed \(seed), \(shown): \(ids.prefix(40)), not \(expected.prefix(40))")
                }
            }
        }
        #expect(failures == 0)
        #expect(compared == 20_000)
    }
}
