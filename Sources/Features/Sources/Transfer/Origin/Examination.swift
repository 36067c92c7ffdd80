import Core

/// Reads every value of a table once: what kinds each column holds, before a type is chosen for it and before anything is
/// written.
struct Examination: Sendable {
    let rows: OriginRows
    /// Whether the file stores texts as UTF-8, so that their bytes can be looked at.
    let isUTF8: Bool

    struct Findings: Sendable {
        var rows = 0
        /// As many as the table has columns, in their order.
        var columns: [ColumnCensus]
    }

    /// - Throws: ``TransferError/Code/doesNotFit`` where a row has no key.
    func run(_ progress: (Int) -> Void) async throws -> Findings {
        let table = rows.table
        let looks = table.columns.map { ColumnChoice.looksForMoments($0.declaredType) }
        var findings = Findings(columns: table.columns.map { _ in ColumnCensus() })
        try await rows.forEachPage { page in
            for row in page {
                let key = rows.key(of: row)
                for (index, value) in row.values.enumerated() {
                    let trait = try await trait(value, looks[index], table.columns[index].name, key)
                    findings.columns[index].add(trait, value, key: Key(key))
                }
            }
            findings.rows += page.count
            progress(findings.rows)
        }
        return findings
    }

    /// What was read as the sign for bytes that are no text may have been written as that sign.
    private func trait(
        _ value: Value, _ looksForMoments: Bool, _ column: String, _ key: [Value]
    ) async throws -> ValueTrait {
        let trait = ValueTrait(value, looksForMoments: looksForMoments)
        guard isUTF8, trait == .text, let text = value.text, text.unicodeScalars.contains("\u{FFFD}") else {
            return trait
        }
        let bytes = try await rows.bytes(of: column, key: key)
        return bytes.flatMap { String(validating: $0, as: UTF8.self) } == nil ? .brokenText : .text
    }
}

extension Examination.Findings {
    /// Refuses what no column of PostgreSQL's could hold, or not the one that is meant for it.
    ///
    /// - Parameter forms: as many as columns; nil where the target computes the column itself.
    func check(_ table: OriginTable, _ forms: [ColumnForm?]) throws(TransferError) {
        for (index, column) in table.columns.enumerated() {
            let census = columns[index]
            if census.counts[.null] != nil, table.key.contains(column.name) || table.primaryKey.contains(column.name) {
                throw TransferError(
                    .doesNotFit,
                    "key column \"\(column.name)\" of \"\(table.name)\" is NULL in some rows, which SQLite allows and PostgreSQL does not: fill it in, or delete these rows"
                )
            }
            guard let form = forms[index] else { continue }
            // Whether a text is a moment was looked at only where the type says that it may be; else copying its row tells.
            let isUnread = form.isOfMoments && !ColumnChoice.looksForMoments(column.declaredType)
            for trait in ValueTrait.allCases where !form.takes(trait) && !(isUnread && trait == .text) {
                guard let example = census.examples[trait], let count = census.counts[trait] else { continue }
                throw Misfit(
                    table: table.name, column: column, form: form, trait: trait, example: example, count: count
                )
                .error
            }
        }
    }
}

/// A value that has no place in its column, in words.
private struct Misfit {
    let table: String
    let column: OriginTable.Column
    let form: ColumnForm
    let trait: ValueTrait
    let example: ColumnCensus.Example
    let count: Int

    var error: TransferError {
        let others = count == 1 ? "" : " (\(count - 1) more row\(count == 2 ? "" : "s") like it)"
        return TransferError(
            .doesNotFit,
            "row \(example.key) of \"\(table)\" holds \(what) in column \"\(column.name)\", which does not fit PostgreSQL's \(form.type)\(others): \(advice)"
        )
    }

    private var what: String {
        switch trait {
        case .null: "NULL"
        case .bit, .integer: "the integer \(Key.quote(example.value))"
        case .real, .infinite: "the number \(Key.quote(example.value))"
        case .day, .moment, .text: "the text \(shortened)"
        case .textWithNull: "a text with the character U+0000"
        case .brokenText: "bytes that are not UTF-8"
        case .blob: "a blob of \(example.value.blob?.count ?? 0) bytes"
        }
    }

    private var shortened: String {
        let text = example.value.text ?? ""
        return Key.quote(.text(text.count > 40 ? text.prefix(39) + "…" : text))
    }

    private var advice: String {
        let (table, name) = (Identifier(table), Identifier(column.name))
        switch trait {
        case .textWithNull:
            return
                "take it out with UPDATE \(table) SET \(name) = replace(\(name), char(0), '') WHERE instr(\(name), char(0))"
        case .brokenText: return "write the text anew as UTF-8"
        case .infinite where form == .number: return "write a finite number or NULL, or declare the column REAL"
        default:
            return
                "correct it with UPDATE \(table) SET \(name) = …, or make the table in the target yourself, empty, with a column that holds it"
        }
    }
}
