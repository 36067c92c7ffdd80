import Core

/// What a value of SQLite's is like, as far as it decides which of PostgreSQL's types can hold it.
enum ValueTrait: Hashable, Sendable, CaseIterable {
    case null
    /// 0 or 1.
    case bit
    case integer
    case real
    case infinite
    /// A text that names a day, and nothing else.
    case day
    /// A text that names a moment.
    case moment
    case text
    /// A text with U+0000, which PostgreSQL has no place for.
    case textWithNull
    /// Bytes stored as text that are not UTF-8.
    case brokenText
    case blob

    /// - Parameter looksForMoments: whether texts are to be read as days and moments.
    init(_ value: Value, looksForMoments: Bool) {
        switch value {
        case .null: self = .null
        case .integer(let integer): self = integer == 0 || integer == 1 ? .bit : .integer
        case .real(let real): self = real.isFinite ? .real : .infinite
        case .blob: self = .blob
        case .text(let text):
            if text.utf8.contains(0) {
                self = .textWithNull
            } else if !looksForMoments {
                self = .text
            } else if MomentText.isDay(text) {
                self = .day
            } else {
                self = MomentText.microseconds(text) == nil ? .text : .moment
            }
        }
    }

    var isNumber: Bool { [.bit, .integer, .real, .infinite].contains(self) }
    var isWhole: Bool { self == .bit || self == .integer }
    var isMoment: Bool { self == .day || self == .moment }
}

/// What a column of SQLite's holds: how many values of each trait, and where the first of each stands.
struct ColumnCensus: Hashable, Sendable {
    struct Example: Hashable, Sendable {
        let key: Key
        let value: Value
    }

    private(set) var counts: [ValueTrait: Int] = [:]
    private(set) var examples: [ValueTrait: Example] = [:]

    mutating func add(_ trait: ValueTrait, _ value: Value, key: @autoclosure () -> Key) {
        counts[trait, default: 0] += 1
        if trait != .null, examples[trait] == nil { examples[trait] = Example(key: key(), value: value) }
    }

    /// The traits of the values that are there, NULL left out.
    var traits: Set<ValueTrait> { Set(counts.keys).subtracting([.null]) }
}
