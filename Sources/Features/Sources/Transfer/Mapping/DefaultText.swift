import Core

/// A column's default, carried over where both databases mean the same by it.
enum DefaultText {
    /// The default as PostgreSQL writes it, nil where it cannot be told.
    ///
    /// - Parameter text: as SQLite's catalogue has it, parentheses round an expression taken off.
    static func postgres(_ text: String, for form: ColumnForm) -> String? {
        let text = text.trimmedSpaces
        switch text.uppercased() {
        case "NULL": return "NULL"
        case "CURRENT_TIMESTAMP", "DATETIME('NOW')", "DATETIME()": return moment(form, "YYYY-MM-DD HH24:MI:SS")
        case "CURRENT_DATE", "DATE('NOW')", "DATE()": return moment(form, "YYYY-MM-DD")
        case "STRFTIME('%Y-%M-%D %H:%M:%F', 'NOW')", "STRFTIME('%Y-%M-%D %H:%M:%F','NOW')":
            return moment(form, "YYYY-MM-DD HH24:MI:SS.MS")
        case "TRUE" where form.takes(.bit): return form == .truth ? "true" : "1"
        case "FALSE" where form.takes(.bit): return form == .truth ? "false" : "0"
        default: return literal(text).flatMap { value($0, for: form) }
        }
    }

    private static func moment(_ form: ColumnForm, _ pattern: String) -> String? {
        switch form {
        case .moment: "now()"
        case .day: "(now() AT TIME ZONE 'UTC')::date"
        case .text: "to_char(now() AT TIME ZONE 'UTC', '\(pattern)')"
        default: nil
        }
    }

    /// The value of a number or a text in single quotes.
    private static func literal(_ text: String) -> Value? {
        if let values = Key(literal: text).values, values.count == 1 { return values[0] }
        return text.first == "+" ? literal(String(text.dropFirst())) : nil
    }

    private static func value(_ value: Value, for form: ColumnForm) -> String? {
        guard form.takes(ValueTrait(value, looksForMoments: true)), let written = form.written(value) else {
            return nil
        }
        switch written {
        case .null: return "NULL"
        case .integer(let integer): return form == .truth ? (integer == 1 ? "true" : "false") : String(integer)
        case .real(let real): return real.isFinite ? String(real) : nil
        case .text(let text): return Key.quote(.text(text))
        case .blob(let bytes): return "'\\x\(bytes.hexadecimal)'"
        }
    }
}

extension String {
    fileprivate var trimmedSpaces: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
