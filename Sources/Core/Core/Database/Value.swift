/// A value that a database stores or binds. The cases are SQLite's storage classes; PostgreSQL's types map onto them.
package enum Value: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    package init(_ integer: some BinaryInteger) {
        self = .integer(Int64(integer))
    }

    package init(_ text: String?) {
        self = text.map(Value.text) ?? .null
    }

    package init<Subject>(_ id: ID<Subject>) {
        self = .integer(id.rawValue)
    }

    package init(_ moment: Timestamp) {
        self = .integer(moment.microseconds)
    }

    package var integer: Int64? {
        if case .integer(let integer) = self { integer } else { nil }
    }

    package var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    package var blob: [UInt8]? {
        if case .blob(let bytes) = self { bytes } else { nil }
    }

    /// Any number as floating point; integers are converted.
    package var real: Double? {
        switch self {
        case .real(let real): real
        case .integer(let integer): Double(integer)
        case .null, .text, .blob: nil
        }
    }

    package var isNull: Bool {
        self == .null
    }

    /// Equal byte for byte, as a database compares; `==` takes two spellings of one accented letter for the same text.
    package func isIdentical(to other: Value) -> Bool {
        guard let text, let otherText = other.text else { return self == other }
        return text.utf8.elementsEqual(otherText.utf8)
    }
}

extension Value: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByNilLiteral {
    package init(integerLiteral value: Int64) {
        self = .integer(value)
    }

    package init(stringLiteral value: String) {
        self = .text(value)
    }

    package init(nilLiteral: ()) {
        self = .null
    }
}
