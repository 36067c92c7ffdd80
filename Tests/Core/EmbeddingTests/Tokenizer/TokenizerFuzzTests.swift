import Testing

@testable import Embedding

/// Random input from a fixed seed: nothing may crash, and what comes out must keep its promises.
struct TokenizerFuzzTests {
    /// SplitMix64, for runs that can be repeated.
    struct Source: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    @Test func `a changed file is read or refused`() {
        var random = Source(state: 7)
        let original = Array(TinyTokenizer.json.utf8)
        let tokens = [
            "null", "-1", "99999999999", "[]", "{}", "\"", "\\", "true", "1e9", "\u{0}", "é", "[[[[", "\"##\"",
        ]
        var refused = 0
        for _ in 0..<3_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                let length = min(Int.random(in: 0...12, using: &random), bytes.count - place)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place..<(place + length))
                case 2: bytes.insert(contentsOf: bytes[place..<(place + length)], at: place)
                default:
                    bytes.replaceSubrange(place..<(place + length), with: tokens.randomElement(using: &random)!.utf8)
                }
            }
            do throws(TokenizerError) {
                let tokenizer = try WordPieceTokenizer(tokenizerJSON: bytes, maxTokens: 8)
                #expect(tokenizer.encode("foo [UNK] unaffable 中é").ids.allSatisfy { $0 < tokenizer.vocabularySize })
            } catch {
                refused += 1
                #expect(!error.message.isEmpty)
            }
        }
        #expect(refused > 1_000)
    }

    @Test func `random scalars give ids within the vocabulary and the limit, and cutting is taking the front`() throws {
        var random = Source(state: 11)
        let whole = try TinyTokenizer.read(maxTokens: 1_000_000)
        let short = try TinyTokenizer.read(maxTokens: 10)
        for _ in 0..<2_000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...80, using: &random) {
                let top = [0x80, 0x400, 0x3200, 0x1_0000, 0x2_FFFF, 0x11_0000].randomElement(using: &random)!
                if let scalar = Unicode.Scalar(UInt32.random(in: 0..<UInt32(top), using: &random)) {
                    text.append(scalar)
                }
                if Bool.random(using: &random) {
                    text.append(contentsOf: ["x", " ", "foo ", "[UNK]"].randomElement(using: &random)!.unicodeScalars)
                }
            }
            let all = whole.encode(String(text))
            let cut = short.encode(String(text))
            #expect(all.ids.allSatisfy { (0..<14).contains($0) })
            #expect(!all.isTruncated)
            #expect(cut.isTruncated == (all.ids.count > 10))
            #expect(cut.ids.dropLast() == all.ids.dropLast().prefix(9))
        }
    }
}
