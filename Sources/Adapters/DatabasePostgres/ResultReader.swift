import CPostgres
import Core

/// Types that are told apart, by the numbers in the server's own catalogue (src/include/catalog/pg_type.dat).
enum TypeNumber {
    static let bool: Oid = 16
    static let bytea: Oid = 17
    static let int8: Oid = 20
    static let int2: Oid = 21
    static let int4: Oid = 23
    static let oid: Oid = 26
    static let float4: Oid = 700
    static let float8: Oid = 701

    /// Whose binary form is their text: "char", name, text, json, xml, unknown, bpchar, varchar; and void, which is empty.
    private static let texts: Set<Oid> = [18, 19, 25, 114, 142, 705, 1042, 1043, 2278]

    /// Whether ``ResultReader`` knows the binary form.
    static func isReadInBinary(_ type: Oid) -> Bool {
        switch type {
        case bool, bytea, int8, int2, int4, oid, float4, float8: true
        default: texts.contains(type)
        }
    }
}

/// Reads a result's rows into the port's values: integers and booleans as integers, floating-point numbers as such,
/// bytea as bytes, everything else as the text that the server writes.
struct ResultReader {
    private let result: OpaquePointer
    private let types: [Oid]
    private let isBinary: Bool

    init(_ result: OpaquePointer) {
        self.result = result
        types = (0..<PQnfields(result)).map { PQftype(result, $0) }
        // One format is asked for all columns.
        isBinary = !types.isEmpty && PQfformat(result, 0) == 1
    }

    /// All rows. O(bytes of the result).
    func rows() -> [Row] {
        (0..<PQntuples(result)).map { row in
            Row(
                types.indices.map { column in
                    let place = Int32(column)
                    guard PQgetisnull(result, row, place) == 0, let start = PQgetvalue(result, row, place) else {
                        return .null
                    }
                    let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, place)))
                    return isBinary ? Self.binary(bytes, types[column]) : Self.text(bytes, types[column])
                })
        }
    }

    /// Source of the forms: the types' send functions (src/backend/utils/adt); numbers are big-endian.
    private static func binary(_ bytes: UnsafeRawBufferPointer, _ type: Oid) -> Value {
        switch type {
        case TypeNumber.bool: .integer(bytes[0] == 0 ? 0 : 1)
        case TypeNumber.int2: .integer(Int64(number(bytes, Int16.self)))
        case TypeNumber.int4: .integer(Int64(number(bytes, Int32.self)))
        case TypeNumber.oid: .integer(Int64(number(bytes, UInt32.self)))
        case TypeNumber.int8: .integer(number(bytes, Int64.self))
        case TypeNumber.float4: .real(Double(Float(bitPattern: number(bytes, UInt32.self))))
        case TypeNumber.float8: .real(Double(bitPattern: number(bytes, UInt64.self)))
        case TypeNumber.bytea: .blob([UInt8](bytes))
        default: .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func number<Number: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, _: Number.Type) -> Number {
        Number(bigEndian: bytes.loadUnaligned(as: Number.self))
    }

    private static func text(_ bytes: UnsafeRawBufferPointer, _ type: Oid) -> Value {
        let text = String(decoding: bytes, as: UTF8.self)
        return switch type {
        case TypeNumber.bool: .integer(text == "t" ? 1 : 0)
        case TypeNumber.int2, TypeNumber.int4, TypeNumber.int8, TypeNumber.oid:
            Int64(text).map(Value.integer) ?? .text(text)
        case TypeNumber.float4: Float(text).map { .real(Double($0)) } ?? .text(text)
        case TypeNumber.float8: Double(text).map(Value.real) ?? .text(text)
        case TypeNumber.bytea: .blob(blob(bytes))
        default: .text(text)
        }
    }

    /// Bytes from `\x` and two hexadecimal digits each; ``ServerSettings`` asks for that form.
    private static func blob(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        func digit(_ byte: UInt8) -> UInt8 { byte <= UInt8(ascii: "9") ? byte & 0xF : (byte & 0xF) + 9 }
        return stride(from: 2, to: bytes.count - 1, by: 2).map { digit(bytes[$0]) << 4 | digit(bytes[$0 + 1]) }
    }
}
