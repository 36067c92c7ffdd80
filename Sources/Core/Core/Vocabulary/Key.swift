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

    package static func < (left: Self, right: Self) -> Bool {
        left.literal < right.literal
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
    package static func quote(_ value: Value) -> String {
        switch value {
        case .null: return "NULL"
        case .integer(let integer): return String(integer)
        case .real(let real): return String(real)
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
        if word == "NULL" { return .null }
        if let integer = Int64(word) { return .integer(integer) }
        return Double(word).map(Value.real)
    }

    private static func unhex(_ text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
        guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
