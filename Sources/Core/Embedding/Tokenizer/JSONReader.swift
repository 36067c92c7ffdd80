/// Reads one JSON text (RFC 8259) from bytes: strict, bounded in depth, linear in time, and silent about nothing.
///
/// A decoder from a library would read objects into dictionaries of `String`; ``JSONValue`` says why that loses tokens.
struct JSONReader {
    /// Nesting beyond this is refused; `tokenizer.json` needs 6.
    static let maxDepth = 64

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The whole of `bytes` as one value.
    static func read(_ bytes: [UInt8]) throws(TokenizerError) -> JSONValue {
        var reader = JSONReader(bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == bytes.count else {
            throw reader.error("has more text after the end of the JSON value")
        }
        return value
    }

    private func error(_ problem: String) -> TokenizerError {
        TokenizerError(.malformed, "offset \(position)", problem)
    }

    /// The next byte, or 0 at the end (a NUL byte is legal nowhere in JSON, so the two need no telling apart).
    private var next: UInt8 { position < bytes.count ? bytes[position] : 0 }

    private mutating func skipSpace() {
        while next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { position += 1 }
    }

    private mutating func value(depth: Int) throws(TokenizerError) -> JSONValue {
        guard depth < Self.maxDepth else { throw error("is nested deeper than \(Self.maxDepth) levels") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default:
            throw error(position < bytes.count ? "is not the start of a JSON value" : "is the end of a cut-off file")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(TokenizerError) -> JSONValue {
        for index in 0..<word.utf8CodeUnitCount {
            guard next == word.utf8Start[index] else { throw error("should continue the word \(word)") }
            position += 1
        }
        return value
    }

    private mutating func object(depth: Int) throws(TokenizerError) -> JSONValue {
        var members: [(name: String, value: JSONValue)] = []
        try list(end: UInt8(ascii: "}")) { (reader) throws(TokenizerError) in
            reader.skipSpace()
            guard reader.next == UInt8(ascii: "\"") else { throw reader.error("should be a quoted name") }
            let name = try reader.string()
            reader.skipSpace()
            guard reader.next == UInt8(ascii: ":") else { throw reader.error("should be a colon") }
            reader.position += 1
            members.append((name, try reader.value(depth: depth + 1)))
        }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(TokenizerError) -> JSONValue {
        var elements: [JSONValue] = []
        try list(end: UInt8(ascii: "]")) { (reader) throws(TokenizerError) in
            elements.append(try reader.value(depth: depth + 1))
        }
        return .array(elements)
    }

    /// What stands between brackets, separated by commas; `position` is at the opening bracket.
    private mutating func list(
        end: UInt8, _ element: (inout JSONReader) throws(TokenizerError) -> Void
    ) throws(TokenizerError) {
        position += 1
        skipSpace()
        if next == end {
            position += 1
            return
        }
        while true {
            try element(&self)
            skipSpace()
            let separator = next
            guard separator == UInt8(ascii: ",") || separator == end else {
                throw error("should be a comma or \"\(Unicode.Scalar(end))\"")
            }
            position += 1
            if separator == end { return }
        }
    }

    private mutating func number() throws(TokenizerError) -> JSONValue {
        let start = position
        if next == UInt8(ascii: "-") { position += 1 }
        let leading = next
        guard digits() else { throw error("should be a digit") }
        let whole = start..<position
        let signs = bytes[start] == UInt8(ascii: "-") ? 1 : 0
        guard leading != UInt8(ascii: "0") || whole.count == signs + 1 else {
            throw error("ends a number with a needless 0 in front")
        }
        var isInteger = true
        if next == UInt8(ascii: ".") {
            position += 1
            isInteger = false
            guard digits() else { throw error("should be a digit") }
        }
        if next | 0x20 == UInt8(ascii: "e") {
            position += 1
            isInteger = false
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            guard digits() else { throw error("should be a digit") }
        }
        guard isInteger, let integer = Int(String(decoding: bytes[whole], as: UTF8.self)) else { return .number }
        return .integer(integer)
    }

    /// Skips a run of digits; false where there is none.
    private mutating func digits() -> Bool {
        let start = position
        while case UInt8(ascii: "0")...UInt8(ascii: "9") = next { position += 1 }
        return position > start
    }

    /// A quoted string; `position` is at its opening quote.
    private mutating func string() throws(TokenizerError) -> String {
        position += 1
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\"),
            bytes[position] >= 0x20
        {
            position += 1
        }
        var text: [UInt8]?
        if next != UInt8(ascii: "\"") {
            var unescaped = Array(bytes[start..<position])
            try unescape(into: &unescaped)
            text = unescaped
        }
        let string =
            if let text { String(validating: text, as: UTF8.self) } else {
                String(validating: bytes[start..<position], as: UTF8.self)
            }
        guard let string else { throw error("ends a string that is not UTF-8") }
        position += 1
        return string
    }

    /// The rest of a string from its first escape on, up to but without its closing quote.
    private mutating func unescape(into text: inout [UInt8]) throws(TokenizerError) {
        while next != UInt8(ascii: "\"") {
            guard next >= 0x20 else {
                throw error(
                    position < bytes.count ? "is a control character in a string" : "is the end of a cut-off file")
            }
            guard next == UInt8(ascii: "\\") else {
                text.append(next)
                position += 1
                continue
            }
            position += 1
            switch next {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(next)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"):
                text.append(contentsOf: String(Character(try escapedScalar())).utf8)
                continue
            default: throw error("is not an escape of JSON")
            }
            position += 1
        }
    }

    /// The scalar of `uXXXX`, or of a surrogate pair `uXXXX\uXXXX`; `position` is at the `u`.
    private mutating func escapedScalar() throws(TokenizerError) -> Unicode.Scalar {
        let first = try hexUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, next == UInt8(ascii: "\\") {
            position += 1
            if next == UInt8(ascii: "u") {
                let second = try hexUnit()
                if (0xDC00...0xDFFF).contains(second),
                    let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
                {
                    return scalar
                }
            }
        }
        throw error("ends half of a surrogate pair")
    }

    private mutating func hexUnit() throws(TokenizerError) -> UInt32 {
        position += 1
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(next)).hexDigitValue else {
                throw error("should be a hex digit")
            }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }
}
