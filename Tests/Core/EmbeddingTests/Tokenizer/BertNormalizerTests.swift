import Testing

@testable import Embedding

/// Expected texts are what `BertNormalizer` of the package `tokenizers` 0.23.3 returns.
struct BertNormalizerTests {
    private func normalize(_ text: String, _ change: (inout BertNormalizer.Settings) -> Void) -> [UInt32] {
        var settings = BertNormalizer.Settings(
            cleansText: false, separatesIdeographs: false, stripsAccents: false, lowercases: false)
        change(&settings)
        var output: [UInt8] = []
        var run = CombiningRun()
        BertNormalizer(settings).normalize(text.utf8.span, into: &output, run: &run)
        #expect(run.isEmpty)
        return String(decoding: output, as: UTF8.self).unicodeScalars.map(\.value)
    }

    private func scalars(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }

    @Test func `cleaning drops controls and keeps what Unicode 8 had not assigned`() {
        let text = "a\0b\u{FFFD}c\u{200D}d\u{B}e\tf\ng\rh\u{3000}i\u{A0}j\u{378}k\u{85}l"
        #expect(normalize(text) { $0.cleansText = true } == scalars("abcde f g h i j\u{378}kl"))
    }

    @Test func `without cleaning every scalar stays`() {
        let text = "a\0\u{FFFD}\u{200D}\t\u{3000}é中"
        #expect(normalize(text) { _ in } == scalars(text))
    }

    @Test func `ideographs get a space on both sides, kana and the gap before 2B920 do not`() {
        let text = "ab中\u{F900}\u{2B830}\u{304B}"
        #expect(
            normalize(text) { $0.separatesIdeographs = true } == scalars("ab 中  \u{F900} \u{2B830}\u{304B}"))
    }

    @Test func `accents go after decomposition, and Hangul becomes jamo`() {
        #expect(
            normalize("Å\u{301} é 각 \u{344} \u{1E69}") { $0.stripsAccents = true }
                == scalars("A e \u{1100}\u{1161}\u{11A8}  s"))
    }

    @Test func `marks that stay are put in canonical order across those that go`() {
        let text = "a\u{315}\u{300}\u{5AE}\u{302A}b\u{302E}\u{323}\u{302A} c\u{1D165}\u{1D16D}\u{323}\u{302E}"
        #expect(
            normalize(text) { $0.stripsAccents = true } == scalars("ab\u{302E} c\u{1D165}\u{302E}\u{1D16D}"))
    }

    @Test func `a mark newer than the tables stays where it is`() {
        #expect(
            normalize("\u{2126}\u{1D15}e\u{7FD}x\u{1D15E}") { $0.stripsAccents = true }
                == scalars("\u{3A9}\u{1D15}e\u{7FD}x\u{1D157}\u{1D165}"))
    }

    @Test func `lowercase looks at one scalar at a time`() {
        #expect(
            normalize("ΑΣ İ \u{1C4} ẞ ÀÉ \u{1C90}") { $0.lowercases = true }
                == scalars("ασ i\u{307} \u{1C6} ß àé \u{10D0}"))
    }

    @Test func `a run of marks ends at the space put beside an ideograph`() {
        let text = "中\u{302E}\u{302A}\u{8C48}\u{301}"
        let normalized = normalize(text) {
            $0.stripsAccents = true
            $0.separatesIdeographs = true
        }
        #expect(normalized == scalars(" 中 \u{302E} \u{8C48} "))
    }

    @Test func `all steps together`() {
        let normalized = normalize("ÀB c\u{300} İ 한글 中文") { $0 = BertNormalizer.Settings() }
        #expect(
            normalized
                == scalars(
                    "ab c i \u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}  中  文 "))
    }

    @Test func `a hundred thousand marks in falling order are sorted, not shuffled one by one`() {
        // 302E has class 224, 1D165 class 216; neither is stripped.
        let text = "a" + String(repeating: "\u{302E}\u{1D165}", count: 50_000)
        let normalized = normalize(text) { $0.stripsAccents = true }
        #expect(normalized[1...50_000].allSatisfy { $0 == 0x1D165 })
        #expect(normalized[50_001...].allSatisfy { $0 == 0x302E })
    }
}
