/// One entry of `added_tokens`: a text that is a token wherever it stands.
struct AddedToken: Equatable, Sendable {
    var content: String
    var id: Int32
    /// Counts only where no word character touches it.
    var isSingleWord = false
    /// Takes the white space before it along.
    var stripsLeft = false
    /// Takes the white space after it along.
    var stripsRight = false
    /// Looked for in normalized text, in its own normalized form, instead of in the text as written.
    var isNormalized = false
}

/// A set of added tokens to be found in text: leftmost first, then longest, never overlapping.
///
/// Finding looks at each byte once and, where a token may start, at the tokens with that first byte.
struct AddedTokens: Sendable {
    private struct Pattern {
        let bytes: [UInt8]
        let token: AddedToken
    }

    /// A part of the text: either a token, or text in between.
    enum Part: Equatable {
        case token(Int32)
        case text(Range<Int>)
    }

    /// Sorted by first byte, then the longest first.
    private let patterns: [Pattern]
    /// For each first byte, its patterns.
    private let byFirstByte: [Range<Int>]

    var isEmpty: Bool { patterns.isEmpty }

    /// - Parameter tokens: each with the bytes that are looked for: not empty, no two the same.
    init(_ tokens: [(bytes: [UInt8], token: AddedToken)]) {
        let sorted = tokens.map { Pattern(bytes: $0.bytes, token: $0.token) }.sorted {
            ($0.bytes[0], $1.bytes.count) < ($1.bytes[0], $0.bytes.count)
        }
        var ranges = [Range<Int>](repeating: 0..<0, count: 256)
        for (index, pattern) in sorted.enumerated() {
            let first = Int(pattern.bytes[0])
            ranges[first] = (ranges[first].isEmpty ? index : ranges[first].lowerBound)..<(index + 1)
        }
        patterns = sorted
        byFirstByte = ranges
    }

    /// Cuts `text` into its parts and hands out those that are not empty, until `body` returns false.
    func split(_ text: Span<UInt8>, _ body: (Part) -> Bool) {
        var searched = 0
        var taken = 0
        while let match = firstMatch(in: text, from: searched) {
            searched = match.bytes.upperBound
            let token = match.token
            if token.isSingleWord && touchesWord(match.bytes, in: text) { continue }
            var start = match.bytes.lowerBound
            var end = match.bytes.upperBound
            if token.stripsLeft { start = max(taken, spaceStart(before: start, in: text)) }
            if token.stripsRight { end = spaceEnd(after: end, in: text) }
            if taken < start, !body(.text(taken..<start)) { return }
            if !body(.token(token.id)) { return }
            taken = max(taken, end)
        }
        if taken < text.count { _ = body(.text(taken..<text.count)) }
    }

    private func firstMatch(in text: Span<UInt8>, from start: Int) -> (bytes: Range<Int>, token: AddedToken)? {
        if patterns.isEmpty { return nil }
        for index in start..<text.count {
            for candidate in byFirstByte[Int(text[index])] where matches(patterns[candidate].bytes, text, at: index) {
                return (index..<(index + patterns[candidate].bytes.count), patterns[candidate].token)
            }
        }
        return nil
    }

    private func matches(_ pattern: [UInt8], _ text: Span<UInt8>, at index: Int) -> Bool {
        guard pattern.count <= text.count - index else { return false }
        for offset in pattern.indices where pattern[offset] != text[index + offset] { return false }
        return true
    }

    private func touchesWord(_ bytes: Range<Int>, in text: Span<UInt8>) -> Bool {
        let unicode = UnicodeData.shared
        if bytes.lowerBound > 0 {
            let before = text.scalar(at: text.scalarStart(before: bytes.lowerBound)).scalar
            if unicode.classes(of: before).contains(.word) { return true }
        }
        guard bytes.upperBound < text.count else { return false }
        return unicode.classes(of: text.scalar(at: bytes.upperBound).scalar).contains(.word)
    }

    private func spaceStart(before index: Int, in text: Span<UInt8>) -> Int {
        var start = index
        while start > 0 {
            let previous = text.scalarStart(before: start)
            guard UnicodeData.shared.classes(of: text.scalar(at: previous).scalar).contains(.space) else { break }
            start = previous
        }
        return start
    }

    private func spaceEnd(after index: Int, in text: Span<UInt8>) -> Int {
        var end = index
        while end < text.count {
            let (scalar, length) = text.scalar(at: end)
            guard UnicodeData.shared.classes(of: scalar).contains(.space) else { break }
            end += length
        }
        return end
    }
}
