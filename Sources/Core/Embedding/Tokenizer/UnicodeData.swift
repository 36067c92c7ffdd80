/// What a scalar is to the BERT pipeline. Several may hold at once.
struct ScalarClass: OptionSet {
    let rawValue: UInt16

    /// Removed by `clean_text`.
    static let dropped = ScalarClass(rawValue: 1 << 0)
    /// Separates words.
    static let space = ScalarClass(rawValue: 1 << 1)
    /// Stands alone as a word.
    static let punctuation = ScalarClass(rawValue: 1 << 2)
    /// Category Mn, removed by `strip_accents`.
    static let nonspacingMark = ScalarClass(rawValue: 1 << 3)
    /// A CJK ideograph, set apart by `handle_chinese_chars`.
    static let ideograph = ScalarClass(rawValue: 1 << 4)
    /// A word character beside an added token marked `single_word`.
    static let word = ScalarClass(rawValue: 1 << 5)
    /// Has a canonical decomposition in ``UnicodeData/decompositions`` or is a Hangul syllable.
    static let decomposes = ScalarClass(rawValue: 1 << 6)
    /// Has a canonical combining class other than 0.
    static let combining = ScalarClass(rawValue: 1 << 7)
    /// Has another lowercase form.
    static let uppercase = ScalarClass(rawValue: 1 << 8)
}

/// A map from some scalars to one or more scalars each; lookups are O(log n).
struct ScalarMap {
    private var keys: [UInt32] = []
    private var ends: [Int32] = []
    private var targets: [UInt32] = []

    /// Adds a key, which must be greater than those before it.
    fileprivate mutating func append(_ key: UInt32, _ scalars: some Sequence<UInt32>) {
        precondition(keys.last.map { $0 < key } ?? true, "scalars out of order in UnicodeTables")
        keys.append(key)
        targets.append(contentsOf: scalars)
        ends.append(Int32(targets.count))
    }

    /// What `scalar` maps to; empty where it is no key.
    subscript(scalar: UInt32) -> ArraySlice<UInt32> {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < scalar { low = middle + 1 } else { high = middle }
        }
        guard low < keys.count, keys[low] == scalar else { return [] }
        return targets[(low == 0 ? 0 : Int(ends[low - 1]))..<Int(ends[low])]
    }

    fileprivate func forEachKey(_ body: (UInt32) -> Void) { keys.forEach(body) }
}

/// The tables of ``UnicodeTables``, laid out for lookup: classes in two stages (a page per 256 scalars), maps as sorted
/// arrays. About 150 KiB, built once per process.
struct UnicodeData: Sendable {
    static let shared = UnicodeData()

    private var pages: [UInt16] = []
    private var blocks: [UInt16] = []
    private var combiningClasses: [(first: UInt32, last: UInt32, value: UInt8)] = []
    /// Full canonical decompositions, but for the Hangul syllables, which ``HangulSyllable`` computes.
    private(set) var decompositions = ScalarMap()
    /// Lowercase forms without regard to context.
    private(set) var lowercase = ScalarMap()

    private init() {
        var classes = [UInt16](repeating: 0, count: 0x110000)
        func mark(_ range: ClosedRange<UInt32>, _ kind: ScalarClass) {
            for scalar in range { classes[Int(scalar)] |= kind.rawValue }
        }
        for (table, kind) in [
            (UnicodeTables.dropped, ScalarClass.dropped), (UnicodeTables.spaces, .space),
            (UnicodeTables.punctuation, .punctuation), (UnicodeTables.nonspacingMarks, .nonspacingMark),
            (UnicodeTables.word, .word),
        ] {
            var rows = TableScanner(table)
            while let range = rows.nextRange() { mark(range, kind) }
        }
        // The list of the BERT normalizer, with its gap from 2B820 to 2B91F, not the blocks of the standard.
        for range: ClosedRange<UInt32> in [
            0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
            0x2B920...0x2CEAF,
            0xF900...0xFAFF, 0x2F800...0x2FA1F,
        ] { mark(range, .ideograph) }

        var rows = TableScanner(UnicodeTables.combiningClasses)
        while let range = rows.nextRange() {
            combiningClasses.append((range.lowerBound, range.upperBound, UInt8(rows.number(after: ":", radix: 10))))
            mark(range, .combining)
        }
        rows = TableScanner(UnicodeTables.decompositions)
        while let range = rows.nextRange() { decompositions.append(range.lowerBound, rows.sequence()) }
        decompositions.forEachKey { mark($0...$0, .decomposes) }
        mark(HangulSyllable.all, .decomposes)
        rows = TableScanner(UnicodeTables.lowercase)
        while let range = rows.nextRange() {
            if rows.peek("=") {
                lowercase.append(range.lowerBound, rows.sequence())
                continue
            }
            let step = rows.peek("/") ? rows.number(after: "/", radix: 10) : 1
            let delta = rows.signedNumber()
            for scalar in stride(from: range.lowerBound, through: range.upperBound, by: step) {
                lowercase.append(scalar, [UInt32(Int(scalar) + delta)])
            }
        }
        lowercase.forEachKey { mark($0...$0, .uppercase) }

        // Neighbouring pages that are alike (ideographs, private use, nothing at all) share one block.
        for page in 0..<(classes.count / 256) {
            let block = classes[(page * 256)..<(page * 256 + 256)]
            if !blocks.suffix(256).elementsEqual(block) { blocks.append(contentsOf: block) }
            pages.append(UInt16(blocks.count / 256 - 1))
        }
    }

    /// The classes of a scalar, O(1).
    @inline(__always)
    func classes(of scalar: UInt32) -> ScalarClass {
        ScalarClass(rawValue: blocks[Int(pages[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)])
    }

    /// The canonical combining class, 0 for most scalars; O(log n).
    func combiningClass(of scalar: UInt32) -> UInt8 {
        var low = 0
        var high = combiningClasses.count
        while low < high {
            let middle = (low + high) / 2
            if combiningClasses[middle].last < scalar { low = middle + 1 } else { high = middle }
        }
        guard low < combiningClasses.count, combiningClasses[low].first <= scalar else { return 0 }
        return combiningClasses[low].value
    }
}

/// Arithmetic decomposition of Hangul syllables (The Unicode Standard, section 3.12).
enum HangulSyllable {
    static let all: ClosedRange<UInt32> = 0xAC00...0xD7A3

    /// Leading consonant, vowel, and the trailing consonant where there is one (0 where not).
    @inline(__always)
    static func jamo(of syllable: UInt32) -> (leading: UInt32, vowel: UInt32, trailing: UInt32) {
        let index = syllable - all.lowerBound
        let trailing = index % 28
        return (0x1100 + index / 588, 0x1161 + index % 588 / 28, trailing == 0 ? 0 : 0x11A7 + trailing)
    }
}

/// Reads the text of ``UnicodeTables``: rows apart by spaces or line ends. The text is ours, so a flaw in it is a
/// broken invariant and stops the process.
private struct TableScanner {
    private let text: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(_ table: StaticString) {
        text = UnsafeBufferPointer(start: table.utf8Start, count: table.utf8CodeUnitCount)
    }

    func peek(_ mark: Unicode.Scalar) -> Bool { position < text.count && text[position] == UInt8(ascii: mark) }

    mutating func nextRange() -> ClosedRange<UInt32>? {
        while peek(" ") || peek("\n") { position += 1 }
        guard position < text.count else { return nil }
        let first = UInt32(digits(radix: 16))
        guard peek("-"), position + 1 < text.count else { return first...first }
        return first...UInt32(number(after: "-", radix: 16))
    }

    mutating func number(after mark: Unicode.Scalar, radix: Int) -> Int {
        precondition(peek(mark), "UnicodeTables lacks a \(mark)")
        position += 1
        return digits(radix: radix)
    }

    mutating func signedNumber() -> Int {
        peek("~") ? -number(after: "~", radix: 16) : number(after: "+", radix: 16)
    }

    /// `=a.b.c`
    mutating func sequence() -> [UInt32] {
        var scalars = [UInt32(number(after: "=", radix: 16))]
        while peek(".") { scalars.append(UInt32(number(after: ".", radix: 16))) }
        return scalars
    }

    private mutating func digits(radix: Int) -> Int {
        var value = 0
        while position < text.count, let digit = Character(Unicode.Scalar(text[position])).hexDigitValue {
            value = value * radix + digit
            position += 1
        }
        return value
    }
}
