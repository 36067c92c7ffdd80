/// A statement's text with `$1`, `$2` … where it had `:name`, as PostgreSQL wants it.
///
/// What is no parameter stays as it is: casts (`::`), strings, quoted names, dollar quotes and comments. Source of the
/// lexical rules: PostgreSQL documentation, 4.1.
struct NumberedText: Equatable {
    let text: String
    /// The name of `$(i + 1)`; each name once, however often it stands in the text.
    let names: [String]

    /// O(length of `text`).
    init(_ text: String) {
        var scan = ParameterScan(text)
        scan.run()
        self.text = String(decoding: scan.output, as: UTF8.self)
        names = scan.names
    }
}

/// One pass over a statement's bytes.
private struct ParameterScan {
    private let input: [UInt8]
    private var place = 0
    var output: [UInt8] = []
    var names: [String] = []

    init(_ text: String) {
        input = Array(text.utf8)
        output.reserveCapacity(input.count)
    }

    private func byte(_ offset: Int = 0) -> UInt8? {
        let index = place + offset
        return input.indices.contains(index) ? input[index] : nil
    }

    private mutating func copy(_ count: Int) {
        let end = min(place + count, input.count)
        output += input[place..<end]
        place = end
    }

    mutating func run() {
        while let next = byte() {
            switch next {
            case UInt8(ascii: ":"): colon()
            case UInt8(ascii: "'"): quoted(by: next, escapes: follows("e"))
            case UInt8(ascii: "\""): quoted(by: next, escapes: false)
            case UInt8(ascii: "-") where byte(1) == UInt8(ascii: "-"): lineComment()
            case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "*"): blockComment()
            case UInt8(ascii: "$"): dollar()
            default: copy(1)
            }
        }
    }

    private mutating func colon() {
        guard let first = byte(1), first != UInt8(ascii: ":") else { return copy(2) }
        guard Self.startsName(first) else { return copy(1) }
        place += 1
        let start = place
        while let next = byte(), Self.continuesName(next) { place += 1 }
        let name = String(decoding: input[start..<place], as: UTF8.self)
        if !names.contains(name) { names.append(name) }
        let number = (names.firstIndex(of: name) ?? 0) + 1
        output += Array("$\(number)".utf8)
    }

    /// A doubled quote closes and opens again, so it needs no rule of its own.
    private mutating func quoted(by quote: UInt8, escapes: Bool) {
        copy(1)
        while let next = byte() {
            if escapes && next == UInt8(ascii: "\\") {
                copy(2)
            } else {
                copy(1)
                if next == quote { return }
            }
        }
    }

    /// Whether the word before this place is `letter` alone, as the prefix of a string.
    private func follows(_ letter: Unicode.Scalar) -> Bool {
        guard let before = output.last, before | 0x20 == UInt8(ascii: letter) else { return false }
        guard let earlier = output.dropLast().last else { return true }
        return !Self.continuesName(earlier)
    }

    private mutating func lineComment() {
        while let next = byte(), next != UInt8(ascii: "\n") { copy(1) }
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            switch (byte(), byte(1)) {
            case (UInt8(ascii: "/"), UInt8(ascii: "*")):
                depth += 1
                copy(2)
            case (UInt8(ascii: "*"), UInt8(ascii: "/")):
                depth -= 1
                copy(2)
            case (nil, _): return
            default: copy(1)
            }
        } while depth > 0
    }

    /// `$tag$ … $tag$`, the tag possibly empty; a dollar inside a name is part of the name.
    private mutating func dollar() {
        if let before = output.last, Self.continuesName(before) { return copy(1) }
        var length = 1
        while let next = byte(length), Self.continuesName(next), next != UInt8(ascii: "$") { length += 1 }
        guard byte(length) == UInt8(ascii: "$"), byte(1).map({ !Self.isDigit($0) }) ?? false else { return copy(1) }
        let tag = Array(input[place...place + length])
        copy(tag.count)
        while byte() != nil {
            if input[place...].starts(with: tag) { return copy(tag.count) }
            copy(1)
        }
    }

    private static func startsName(_ byte: UInt8) -> Bool {
        byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z") || byte == UInt8(ascii: "_")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    /// Letters beyond ASCII count too: they are part of unquoted names.
    private static func continuesName(_ byte: UInt8) -> Bool {
        startsName(byte) || isDigit(byte) || byte >= 0x80 || byte == UInt8(ascii: "$")
    }
}
