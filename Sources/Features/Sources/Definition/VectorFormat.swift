package import Core

/// How a vector is written into the user's column.
package enum VectorFormat: String, Codable, Hashable, Sendable {
    /// `[0.1,-0.25,…]` in a column of text, the shortest decimal that reads back as the same float32.
    case json
    /// 4 × dimension bytes, little endian float32, in a BLOB or `bytea` column.
    case float32
    /// The same text as ``json`` in a column of PostgreSQL's type `json`.
    case jsonDocument
    /// The same in a column of PostgreSQL's type `jsonb`.
    case jsonb
    /// PostgreSQL's `real[]`.
    case realArray
    /// PostgreSQL's `double precision[]`, each number that of the float32.
    case doubleArray
    /// `vector(n)` of the extension pgvector: float32.
    case vector
    /// `halfvec(n)` of the extension pgvector: 16 bits a number, so that what is read is not quite what was written.
    case halfvec

    /// The vector as a column's value that the database takes without being told the type.
    package func value(_ vector: some Collection<Float>) -> Value {
        switch self {
        case .float32: .blob(vector.littleEndianBytes)
        case .json, .jsonDocument, .jsonb, .vector, .halfvec: .text(Self.list(vector, "[", "]"))
        case .realArray, .doubleArray: .text(Self.list(vector, "{", "}"))
        }
    }

    /// The vector as text for ``written(_:type:)``.
    func text(_ vector: some Collection<Float>) -> String {
        switch self {
        case .float32: vector.littleEndianBytes.hexadecimal
        case .json, .jsonDocument, .jsonb, .vector, .halfvec: Self.list(vector, "[", "]")
        case .realArray, .doubleArray: Self.list(vector, "{", "}")
        }
    }

    /// The PostgreSQL expression that turns ``text(_:)`` into the column's type.
    func written(_ text: String, type: String) -> String {
        self == .float32 ? "decode(\(text), 'hex')" : "\(text)::\(type)"
    }

    /// The PostgreSQL expression that reads a column so that ``vector(in:dimension:)`` understands it.
    func read(_ column: String) -> String {
        switch self {
        case .float32: column
        case .json, .jsonDocument, .jsonb, .vector, .halfvec: "\(column)::text"
        case .realArray, .doubleArray: "array_to_json(\(column))::text"
        }
    }

    private static func list(_ vector: some Collection<Float>, _ open: Character, _ close: Character) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(vector.count * 12 + 2)
        text.append(open.asciiValue ?? 0)
        for number in vector {
            if text.count > 1 { text.append(UInt8(ascii: ",")) }
            text.append(contentsOf: number.description.utf8)
        }
        text.append(close.asciiValue ?? 0)
        return String(decoding: text, as: UTF8.self)
    }

    /// The vector that a column's value holds, in whatever form, or nil where it holds none of `dimension` finite
    /// numbers.
    package static func vector(in value: Value, dimension: Int) -> [Float]? {
        let vector: [Float]
        switch value {
        case .blob(let bytes):
            guard bytes.count == dimension * 4 else { return nil }
            vector = [Float](littleEndianBytes: bytes)
        case .text(let text):
            guard text.first == "[", text.last == "]" else { return nil }
            let parts = text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
            guard parts.count == dimension else { return nil }
            vector = parts.compactMap { Float($0.trimmingSpaces) }
        case .null, .integer, .real:
            return nil
        }
        return vector.count == dimension && vector.allSatisfy(\.isFinite) ? vector : nil
    }
}

extension [UInt8] {
    /// Two lower-case digits a byte.
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        let text = reduce(into: [UInt8]()) { text, byte in
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var trimmed = self
        while trimmed.first?.isWhitespace == true { trimmed.removeFirst() }
        while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
        return trimmed
    }
}
