/// Many values as one parameter: the text of a PostgreSQL array, `{"a","b",NULL}`, of any type that reads its elements.
///
/// Source of the form: PostgreSQL documentation, 8.15.6.
package struct TextArray: Sendable {
    private var text: [UInt8] = [UInt8(ascii: "{")]

    /// The parameter.
    package var value: Value {
        .text(String(decoding: text + [UInt8(ascii: "}")], as: UTF8.self))
    }

    package init(_ elements: some Sequence<String?> = []) {
        for element in elements { append(element) }
    }

    /// O(length of the element).
    package mutating func append(_ element: String?) {
        if text.count > 1 { text.append(UInt8(ascii: ",")) }
        guard let element else { return text.append(contentsOf: "NULL".utf8) }
        text.append(UInt8(ascii: "\""))
        // Each run up to what needs a backslash at once: an element may be a vector's long text.
        var rest = element.utf8[...]
        while let place = rest.firstIndex(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
            text.append(contentsOf: rest[..<place])
            text.append(UInt8(ascii: "\\"))
            text.append(rest[place])
            rest = rest[rest.index(after: place)...]
        }
        text.append(contentsOf: rest)
        text.append(UInt8(ascii: "\""))
    }

    package mutating func append(_ value: Value) {
        switch value {
        case .null: append(String?.none)
        case .integer(let integer): append(String(integer))
        case .real(let real): append(String(real))
        case .text(let text): append(text)
        case .blob: preconditionFailure("a blob is no element of an array of text")
        }
    }
}

extension Value {
    /// Integers as one parameter: the text of a PostgreSQL array, `{1,2}`.
    static func array(_ integers: some Sequence<Int64>) -> Value {
        .text("{" + integers.map(String.init).joined(separator: ",") + "}")
    }

    /// Blobs as one parameter, for an array of bytea.
    static func array(_ blobs: some Sequence<[UInt8]>) -> Value {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = [UInt8(ascii: "{")]
        for blob in blobs {
            if text.count > 1 { text.append(UInt8(ascii: ",")) }
            text.append(contentsOf: "\"\\\\x".utf8)
            for byte in blob {
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
            text.append(UInt8(ascii: "\""))
        }
        text.append(UInt8(ascii: "}"))
        return .text(String(decoding: text, as: UTF8.self))
    }
}
