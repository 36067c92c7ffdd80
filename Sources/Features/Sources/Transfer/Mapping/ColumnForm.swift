import Core

/// How a column of PostgreSQL's holds what a column of SQLite's held: its type, and how values are written into it and
/// compared with what was there before.
enum ColumnForm: Hashable, Sendable {
    /// `smallint`, `integer` or `bigint`, which the server tells apart.
    case integer
    case truth
    case number
    case real
    /// `real`, with half the digits.
    case single
    case text
    case bytes
    case moment
    /// `timestamp`, taken for UTC.
    case localMoment
    case day
    case uuid
    /// `json` or `jsonb`.
    case document
    /// The column that receives a source's vectors, where it has a type for such.
    case vector(VectorFormat, dimension: Int)

    /// The form of a column that is there already, nil where its type is none that values are copied into.
    ///
    /// - Parameter dimension: of the vectors that a source writes into it; nil where none does.
    init?(_ type: TableShape.ColumnType, dimension: Int?) {
        switch (type.builtIn, type.name) {
        case ("int2", _), ("int4", _), ("int8", _): self = .integer
        case ("bool", _): self = .truth
        case ("numeric", _): self = .number
        case ("float8", _): self = .real
        case ("float4", _): self = .single
        case ("text", _), ("varchar", _), ("bpchar", _): self = .text
        case ("bytea", _): self = .bytes
        case ("timestamptz", _): self = .moment
        case ("timestamp", _): self = .localMoment
        case ("date", _): self = .day
        case ("uuid", _): self = .uuid
        case ("json", _), ("jsonb", _): self = .document
        default:
            guard let dimension, let format = VectorFormat(arrayOf: type) else { return nil }
            self = .vector(format, dimension: dimension)
        }
    }

    /// The type of a column that is made for this form.
    var type: String {
        switch self {
        case .integer: "bigint"
        case .truth: "boolean"
        case .number: "numeric"
        case .real: "double precision"
        case .single: "real"
        case .text: "text"
        case .bytes: "bytea"
        case .moment: "timestamptz"
        case .localMoment: "timestamp"
        case .day: "date"
        case .uuid: "uuid"
        case .document: "jsonb"
        case .vector(let format, let dimension):
            switch format {
            case .realArray: "real[]"
            case .doubleArray: "double precision[]"
            case .vector, .halfvec: "\(format.rawValue)(\(dimension))"
            case .json, .float32, .jsonDocument, .jsonb: preconditionFailure("\(format) is no type of its own")
            }
        }
    }

    var isOfMoments: Bool { [.moment, .localMoment, .day].contains(self) }

    /// Whether every value of this trait has a place here, as far as the trait tells.
    func takes(_ trait: ValueTrait) -> Bool {
        if trait == .null { return true }
        if trait == .textWithNull || trait == .brokenText { return false }
        switch self {
        case .integer: return trait.isWhole
        case .truth: return trait == .bit
        case .number: return trait.isNumber && trait != .infinite
        case .real, .single: return trait.isNumber
        case .text: return trait != .blob
        case .bytes: return trait == .blob
        case .moment, .localMoment: return trait.isMoment
        case .day: return trait == .day
        case .uuid: return !trait.isNumber && trait != .blob
        case .document: return trait != .blob && trait != .infinite
        case .vector: return !trait.isNumber
        }
    }

    // MARK: Values

    /// The value as this column's parameter, nil where it has no place here. (`nil` beside a value would be read as NULL.)
    func written(_ value: Value) -> Value? {
        switch (self, value) {
        case (_, .null): .null
        case (.integer, .integer), (.number, .integer), (.bytes, .blob), (.real, .real), (.single, .real): value
        case (.truth, .integer(let integer)): integer == 0 || integer == 1 ? value : Value?.none
        case (.number, .real(let real)): real.isFinite ? value : Value?.none
        case (.real, .integer(let integer)), (.single, .integer(let integer)):
            Int64(exactly: Double(integer)) == integer ? Value.real(Double(integer)) : Value?.none
        case (.text, .text), (.uuid, .text), (.document, .text): value
        case (.text, .integer(let integer)), (.document, .integer(let integer)): .text(String(integer))
        case (.text, .real(let real)), (.document, .real(let real)): .text(String(real))
        case (.moment, .text(let text)): MomentText.microseconds(text).map { .text(MomentText.text(microseconds: $0)) }
        case (.localMoment, .text(let text)):
            MomentText.microseconds(text).map { .text(String(MomentText.text(microseconds: $0).dropLast(3))) }
        case (.day, .text(let text)): MomentText.isDay(text) ? value : Value?.none
        case (.vector(let format, let dimension), _):
            VectorFormat.vector(in: value, dimension: dimension).map(format.value)
        default: nil
        }
    }

    /// The expression that reads a column of this form so that ``holds(_:of:)`` understands it.
    func read(_ column: String) -> String {
        switch self {
        case .integer, .truth, .real, .single, .text, .bytes: column
        case .number, .moment, .localMoment, .day, .uuid, .document: "\(column)::text"
        case .vector(let format, _): format.read(column)
        }
    }

    /// Whether what ``read(_:)`` gave is the value that SQLite had: none of its digits, bytes or microseconds is lost.
    func holds(_ stored: Value, of original: Value) -> Bool {
        if stored.isNull || original.isNull { return stored == original }
        switch self {
        case .integer, .truth, .bytes: return stored == original
        case .real, .single: return stored.real == original.real
        case .text: return written(original).map { stored.isIdentical(to: $0) } ?? false
        case .number:
            return Self.number(stored) == original
                || original.real.map { stored.text.flatMap(Double.init) == $0 } ?? false
        case .moment, .localMoment, .day:
            guard let text = original.text, let moment = MomentText.microseconds(text) else { return false }
            return stored.text.flatMap(MomentText.microseconds) == moment
        case .uuid: return stored.text?.lowercased() == original.text?.lowercased()
        case .document: return Self.isSameDocument(stored, written(original))
        case .vector(let format, let dimension):
            guard let vector = VectorFormat.vector(in: original, dimension: dimension) else { return false }
            return VectorFormat.vector(in: stored, dimension: dimension) == vector.map(format.kept)
        }
    }

    /// The value that SQLite had, from what ``read(_:)`` gave; nil where it may have been spelled in more than one way.
    func original(_ stored: Value) -> Value? {
        switch self {
        case .integer, .truth, .real, .text, .bytes: stored
        case .number: Self.number(stored)
        case .single, .moment, .localMoment, .day, .uuid, .document, .vector: nil
        }
    }

    /// Whether ``original(_:)`` knows what SQLite had.
    var isReversible: Bool {
        switch self {
        case .integer, .truth, .number, .real, .text, .bytes: true
        case .single, .moment, .localMoment, .day, .uuid, .document, .vector: false
        }
    }

    /// A `numeric` as SQLite stores it: a whole number that fits as an integer, every other as floating point.
    private static func number(_ stored: Value) -> Value? {
        guard let text = stored.text else { return nil }
        return Int64(text).map(Value.integer) ?? Double(text).map(Value.real)
    }

    private static func isSameDocument(_ stored: Value, _ written: Value?) -> Bool {
        guard let stored = stored.text, let written = written?.text else { return false }
        return stored == written || JSONDocument(stored).map { $0 == JSONDocument(written) } ?? false
    }
}

extension VectorFormat {
    /// The format of a type that holds numbers one by one; nil for those that hold any text or bytes.
    fileprivate init?(arrayOf type: TableShape.ColumnType) {
        switch (type.builtIn, type.name) {
        case ("_float4", _): self = .realArray
        case ("_float8", _): self = .doubleArray
        case ("", "vector"): self = .vector
        case ("", "halfvec"): self = .halfvec
        default: return nil
        }
    }

    /// What a number is after it was written and read: `halfvec` keeps 16 bits of it.
    fileprivate func kept(_ number: Float) -> Float {
        self == .halfvec ? Float(Float16(number)) : number
    }
}
