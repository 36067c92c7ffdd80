/// A word of normalized text: its bytes and how many scalars they are.
struct Word: Equatable {
    let bytes: Range<Int>
    let scalarCount: Int
}

/// Walks over normalized text word by word as the BERT pre-tokenizer does: white space separates and is dropped, a
/// punctuation mark is a word of its own. One pass, O(text).
struct BertWords {
    private let unicode = UnicodeData.shared
    private var position: Int
    private let end: Int

    init(_ bytes: Range<Int>) {
        position = bytes.lowerBound
        end = bytes.upperBound
    }

    /// The next word of `text`, which must be the text whose range was given at the start.
    mutating func next(in text: Span<UInt8>) -> Word? {
        var start = position
        var scalarCount = 0
        while position < end {
            let (scalar, length) = text.scalar(at: position)
            let classes = unicode.classes(of: scalar)
            if classes.isDisjoint(with: [.space, .punctuation]) {
                position += length
                scalarCount += 1
                continue
            }
            if scalarCount > 0 { break }
            position += length
            if classes.contains(.punctuation) { return Word(bytes: start..<position, scalarCount: 1) }
            start = position
        }
        return scalarCount > 0 ? Word(bytes: start..<position, scalarCount: scalarCount) : nil
    }
}
