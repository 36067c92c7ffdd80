import Core

/// Which form a column gets in a table that is made for it: by the type that its owner declared, by SQLite's rules of
/// affinity, and where these leave it open by the values that are there.
///
/// Source of the rules: sqlite.org/datatype3.html, 3.1.
struct ColumnChoice {
    /// As declared, empty where no type is.
    let declaredType: String
    let census: ColumnCensus
    /// Whether the column is a key, a status or is embedded: then its values keep their spelling, by which they are known.
    let keepsSpelling: Bool

    /// Whether texts in such a column are likely to be moments, so that it is worth to read each as one.
    static func looksForMoments(_ declaredType: String) -> Bool {
        let type = declaredType.uppercased()
        return affinity(type) == .numeric && (type.contains("DATE") || type.contains("TIME"))
    }

    private enum Affinity {
        case integer, text, blob, real, numeric
    }

    private static func affinity(_ type: String) -> Affinity {
        if type.contains("INT") { return .integer }
        if ["CHAR", "CLOB", "TEXT"].contains(where: type.contains) { return .text }
        if type.isEmpty || type.contains("BLOB") { return .blob }
        return ["REAL", "FLOA", "DOUB"].contains(where: type.contains) ? .real : .numeric
    }

    var form: ColumnForm {
        let type = declaredType.uppercased()
        switch Self.affinity(type) {
        case .integer: return .integer
        case .text: return .text
        case .real: return .real
        // STRICT tables spell "any type" out.
        case .blob: return type.isEmpty ? formOfValues : .bytes
        case .numeric: return type == "ANY" ? formOfValues : formOfNumeric(type)
        }
    }

    private func formOfNumeric(_ type: String) -> ColumnForm {
        if Self.looksForMoments(type) {
            return formOfMoments(isDay: !type.contains("TIME"))
        }
        if type.contains("JSON") { return .text }
        if type.contains("BOOL"), !keepsSpelling, holds(\.isBit) { return .truth }
        // One that is a key is an integer's where it can be: the spelling of a stored key depends on it.
        let isWhole = keepsSpelling || type.contains("BOOL")
        return isWhole && holds(\.isWhole) ? .integer : .number
    }

    private func formOfMoments(isDay: Bool) -> ColumnForm {
        let traits = census.traits
        if traits.isEmpty || holds(\.isMoment) {
            if keepsSpelling { return .text }
            return isDay && traits == [.day] ? .day : .moment
        }
        if holds(\.isWhole) { return .integer }
        return holds(\.isNumber) ? .number : .text
    }

    private var formOfValues: ColumnForm {
        let traits = census.traits
        if traits.isEmpty { return keepsSpelling ? .text : .bytes }
        if traits == [.blob] { return .bytes }
        if holds(\.isWhole) { return .integer }
        if traits.subtracting([.real, .infinite]).isEmpty { return .real }
        return holds(\.isNumber) ? .number : .text
    }

    private func holds(_ property: KeyPath<ValueTrait, Bool>) -> Bool {
        census.traits.allSatisfy { $0[keyPath: property] }
    }
}

extension ValueTrait {
    fileprivate var isBit: Bool { self == .bit }
}
