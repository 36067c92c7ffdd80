import Core

/// Many values as one parameter: the text of a PostgreSQL array of text, `{"a","b",NULL}`.
///
/// Source of the form: PostgreSQL documentation, 8.15.6.
struct TextArray {
    private var text: [UInt8] = [UInt8(ascii: "{")]

    /// The parameter.
    var value: Value {
        .text(String(decoding: text + [UInt8(ascii: "}")], as: UTF8.self))
    }

    init(_ elements: some Sequence<String?> = []) {
        for element in elements { append(element) }
    }

    /// O(length of the element).
    mutating func append(_ element: String?) {
        if text.count > 1 { text.append(UInt8(ascii: ",")) }
        guard let element else { return text.append(contentsOf: "NULL".utf8) }
        text.append(UInt8(ascii: "\""))
        for byte in element.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
            text.append(byte)
        }
        text.append(UInt8(ascii: "\""))
    }

    mutating func append(_ value: Value) {
        switch value {
        case .null: append(String?.none)
        case .integer(let integer): append(String(integer))
        case .real(let real): append(String(real))
        case .text(let text): append(text)
        case .blob: preconditionFailure("a blob is no element of an array of text")
        }
    }
}
