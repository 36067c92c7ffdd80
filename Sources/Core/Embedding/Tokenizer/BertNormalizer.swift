/// The normalizer of BERT models, as `tokenizer.json` sets it: clean, set ideographs apart, strip accents, lowercase, in
/// that order. It works scalar by scalar and never looks at graphemes.
struct BertNormalizer: Sendable {
    /// The fields of `normalizer` in the file.
    struct Settings: Equatable, Sendable {
        /// Drop control, format and private-use scalars; turn every white space into a space.
        var cleansText = true
        /// Put a space on both sides of each CJK ideograph.
        var separatesIdeographs = true
        /// Decompose (NFD) and drop non-spacing marks. The file's `null` means "as lowercase".
        var stripsAccents = true
        /// Lowercase without regard to context.
        var lowercases = true
    }

    let settings: Settings
    private let unicode = UnicodeData.shared
    /// What each ASCII byte becomes; `Self.removed` where it is dropped.
    private let ascii: [UInt8]

    private static let removed: UInt8 = 0xFF

    init(_ settings: Settings) {
        self.settings = settings
        ascii = (UInt32(0)..<0x80).map { byte in
            let classes = UnicodeData.shared.classes(of: byte)
            if settings.cleansText {
                if classes.contains(.dropped) { return Self.removed }
                if classes.contains(.space) { return 0x20 }
            }
            return UInt8(settings.lowercases && (0x41...0x5A).contains(byte) ? byte + 0x20 : byte)
        }
    }

    /// Appends the normal form of `text` (valid UTF-8) to `output`, in O(text) but for runs of combining marks, which are
    /// sorted.
    ///
    /// Text may be given in parts where the cut is at ASCII white space: no rule looks across it.
    /// - Parameter run: working memory, empty before and after.
    func normalize(_ text: Span<UInt8>, into output: inout [UInt8], run: inout CombiningRun) {
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte < 0x80 {
                let mapped = ascii[Int(byte)]
                if mapped != Self.removed {
                    if !run.isEmpty { finish(&run, into: &output) }
                    output.append(mapped)
                }
                index += 1
            } else {
                let (scalar, length) = text.scalar(at: index)
                normalize(scalar, into: &output, run: &run)
                index += length
            }
        }
        finish(&run, into: &output)
    }

    private func normalize(_ scalar: UInt32, into output: inout [UInt8], run: inout CombiningRun) {
        let classes = unicode.classes(of: scalar)
        if settings.cleansText {
            if classes.contains(.dropped) { return }
            if classes.contains(.space) {
                finish(&run, into: &output)
                output.append(0x20)
                return
            }
        }
        let setApart = settings.separatesIdeographs && classes.contains(.ideograph)
        if setApart {
            finish(&run, into: &output)
            output.append(0x20)
        }
        if settings.stripsAccents {
            decompose(scalar, classes, into: &output, run: &run)
        } else {
            lowercase(scalar, classes, into: &output)
        }
        if setApart {
            finish(&run, into: &output)
            output.append(0x20)
        }
    }

    private func decompose(
        _ scalar: UInt32, _ classes: ScalarClass, into output: inout [UInt8], run: inout CombiningRun
    ) {
        guard classes.contains(.decomposes) else {
            order(scalar, classes, into: &output, run: &run)
            return
        }
        if HangulSyllable.all.contains(scalar) {
            finish(&run, into: &output)
            let jamo = HangulSyllable.jamo(of: scalar)
            output.append(scalar: jamo.leading)
            output.append(scalar: jamo.vowel)
            if jamo.trailing != 0 { output.append(scalar: jamo.trailing) }
            return
        }
        for part in unicode.decompositions[scalar] {
            order(part, unicode.classes(of: part), into: &output, run: &run)
        }
    }

    /// Canonical ordering, of those marks that stay: a mark that is stripped needs no place in the order, but one of class
    /// 0 still ends a run.
    private func order(_ scalar: UInt32, _ classes: ScalarClass, into output: inout [UInt8], run: inout CombiningRun) {
        let isStripped = classes.contains(.nonspacingMark)
        if classes.contains(.combining) {
            if !isStripped { run.insert(scalar, combiningClass: unicode.combiningClass(of: scalar)) }
        } else {
            finish(&run, into: &output)
            if !isStripped { lowercase(scalar, classes, into: &output) }
        }
    }

    private func finish(_ run: inout CombiningRun, into output: inout [UInt8]) {
        if run.isEmpty { return }
        run.drain { lowercase($0, unicode.classes(of: $0), into: &output) }
    }

    private func lowercase(_ scalar: UInt32, _ classes: ScalarClass, into output: inout [UInt8]) {
        guard settings.lowercases, classes.contains(.uppercase) else {
            output.append(scalar: scalar)
            return
        }
        for part in unicode.lowercase[scalar] { output.append(scalar: part) }
    }
}

/// Marks between two scalars of combining class 0, put in order of class; equal classes keep their order.
struct CombiningRun: Sendable {
    /// Class, place and scalar packed so that sorting the numbers sorts the marks.
    private var marks: [UInt64] = []

    var isEmpty: Bool { marks.isEmpty }

    mutating func insert(_ scalar: UInt32, combiningClass: UInt8) {
        marks.append(UInt64(combiningClass) << 56 | UInt64(marks.count) << 21 | UInt64(scalar))
    }

    /// Hands out the marks in canonical order and empties the run; O(n log n).
    mutating func drain(_ body: (UInt32) -> Void) {
        if marks.count > 1 { marks.sort() }
        for mark in marks { body(UInt32(truncatingIfNeeded: mark & 0x1F_FFFF)) }
        marks.removeAll(keepingCapacity: true)
    }
}
