/// The key of a user's row as Millrace stores it: the key columns' values as SQL literals, joined by commas, exactly as
/// a trigger writes them with SQLite's `quote()`: `17`, `'M8x40'`, `'KR',4711`.
///
/// The form keeps a value's type (`1` is not `'1'`), is unambiguous for composite keys, and can be pasted into SQL.
package struct Key: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The stored text.
    package let literal: String

    /// Takes stored text as it is; ``values`` reads it.
    package init(literal: String) {
        self.literal = literal
    }

    package init(_ values: [Value]) {
        literal = values.map(Self.quote).joined(separator: ",")
    }

    /// Equal byte for byte, as the database compares: `String` would take two spellings of one accented letter, which
    /// are two rows, for the same.
    package static func == (left: Self, right: Self) -> Bool {
        left.literal.utf8.elementsEqual(right.literal.utf8)
    }

    /// The order of the database's `COLLATE BINARY`.
    package static func < (left: Self, right: Self) -> Bool {
        left.literal.utf8.lexicographicallyPrecedes(right.literal.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in literal.utf8 { hasher.combine(byte) }
        hasher.combine(0xFF as UInt8)
    }

    /// The key columns' values, in order, or nil where the text is not such a list.
    package var values: [Value]? {
        var reader = LiteralReader(literal)
        return reader.list()
    }

    /// The key as people write it: a single value bare, several in order with commas.
    package var description: String {
        guard let values else { return literal }
        return values.map(Self.plain).joined(separator: ",")
    }

    private static func plain(_ value: Value) -> String {
        if case .text(let text) = value { text } else { quote(value) }
    }

    /// The value as a SQL literal, in the spelling of SQLite's `quote()`.
    ///
    /// With two exceptions: a real that needs more than 15 digits is spelled with as few as identify it, where SQLite
    /// writes 21 of which the last are noise of its arithmetic; and a text is quoted whole, where SQLite ends it at U+0000.
    package static func quote(_ value: Value) -> String {
        switch value {
        case .null: return "NULL"
        case .integer(let integer): return String(integer)
        case .real(let real): return quote(real)
        case .text(let text):
            var quoted = "'"
            for scalar in text.unicodeScalars {
                if scalar == "'" { quoted += "'" }
                quoted.unicodeScalars.append(scalar)
            }
            return quoted + "'"
        case .blob(let bytes):
            let digits = Array("0123456789ABCDEF")
            return bytes.reduce(into: "X'") { text, byte in
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            } + "'"
        }
    }

    /// SQLite's format `%!.15g`: always a decimal point, an exponent from 15 digits before it or 4 zeros behind it on.
    private static func quote(_ real: Double) -> String {
        guard real.isFinite else { return real.isNaN ? "NULL" : real < 0 ? "-Inf" : "Inf" }
        guard real != 0 else { return "0.0" }
        // Swift spells the fewest digits that identify the number: 1.5e-07, 12.5, 1e+100.
        let parts = real.magnitude.description.split(separator: "e")
        let (whole, fraction) = parts[0].split(separator: ".").pair
        let shift = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let written = whole + fraction
        let zeros = written.prefix { $0 == "0" }.count
        var digits = String(written.dropFirst(zeros))
        while digits.last == "0" { digits.removeLast() }
        // The number is 0.digits × 10^point.
        let point = whole.count - zeros + shift
        let sign = real < 0 ? "-" : ""
        if point < -3 || point > 15 {
            let exponent = String(abs(point - 1))
            return sign + digits.prefix(1) + "." + (digits.count > 1 ? digits.dropFirst() : "0")
                + (point < 1 ? "e-" : "e+") + (exponent.count < 2 ? "0" : "") + exponent
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if digits.count <= point { return sign + digits + String(repeating: "0", count: point - digits.count) + ".0" }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
}

extension [Substring] {
    /// A number's two halves at its decimal point, the second empty where there is none.
    fileprivate var pair: (String, String) {
        (String(self[0]), count > 1 ? String(self[1]) : "")
    }
}

/// Reads a comma-separated list of SQL literals.
private struct LiteralReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    mutating func list() -> [Value]? {
        var values: [Value] = []
        while let value = value() {
            values.append(value)
            guard position < bytes.count else { return values }
            guard bytes[position] == UInt8(ascii: ",") else { return nil }
            position += 1
        }
        return nil
    }

    private mutating func value() -> Value? {
        guard position < bytes.count else { return nil }
        switch bytes[position] {
        case UInt8(ascii: "'"): return quoted().map(Value.text)
        case UInt8(ascii: "X"):
            position += 1
            return quoted().flatMap(Self.unhex).map(Value.blob)
        default: return word()
        }
    }

    private mutating func quoted() -> String? {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "'") else { return nil }
        position += 1
        var content: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte != UInt8(ascii: "'") {
                content.append(byte)
            } else if position < bytes.count, bytes[position] == UInt8(ascii: "'") {
                content.append(byte)
                position += 1
            } else {
                return String(decoding: content, as: UTF8.self)
            }
        }
        return nil
    }

    private mutating func word() -> Value? {
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: ",") { position += 1 }
        let word = String(decoding: bytes[start..<position], as: UTF8.self)
        switch word {
        case "NULL": return .null
        case "Inf": return .real(.infinity)
        case "-Inf": return .real(-.infinity)
        default: break
        }
        // Swift reads more as a number than SQL does: "nan", "0x1p3", "+5".
        let digits = word.first == "-" ? word.dropFirst() : Substring(word)
        guard let first = digits.utf8.first, first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9"),
            !digits.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "x") })
        else { return nil }
        if let integer = Int64(word) { return .integer(integer) }
        return Double(word).map(Value.real)
    }

    private static func unhex(_ text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
        guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
