import Core

/// Turns stored keys of SQLite's into those that PostgreSQL's triggers write for the same rows.
///
/// Integers and texts are spelled alike in both; of every other type the server itself says how it spells it.
struct KeyRespelling: Sendable {
    private let origin: SourceDefinition
    private let target: Source
    /// The columns of the target's key, in its order, and where each stands in the origin's.
    private let parts: [(column: TargetTable.Column, place: Int)]

    init(_ origin: Source, _ target: Source, _ table: TargetTable) {
        self.origin = origin.definition
        self.target = target
        parts = target.definition.key.map { name in
            guard let column = table.columns.first(where: { $0.name == name }),
                let place = origin.definition.key.firstIndex(of: name)
            else { preconditionFailure("both keys have the same columns") }
            return (column, place)
        }
    }

    /// As many keys as were given; nil for one that no row of the target's can have.
    func respell(_ keys: [Key], on connection: any Connection) throws(DatabaseError) -> [Key?] {
        let values = keys.map(written)
        let odd = keys.indices.filter { index in values[index].map { !isSpelledAlike($0) } ?? false }
        var answers: [Key?] = zip(keys, values).map { key, values in
            values.map { Key($0) }
        }
        guard !odd.isEmpty else { return answers }
        for (index, key) in zip(odd, try spell(odd.compactMap { values[$0] }, on: connection)) { answers[index] = key }
        return answers
    }

    /// The values in the target's order and types.
    private func written(_ key: Key) -> [Value]? {
        guard let values = key.values, values.count == origin.key.count else { return nil }
        var written: [Value] = []
        for part in parts {
            guard let value = part.column.form.written(values[part.place]), !value.isNull else { return nil }
            written.append(value)
        }
        return written
    }

    private func isSpelledAlike(_ values: [Value]) -> Bool {
        zip(parts, values).allSatisfy { part, value in
            switch value {
            case .integer: PostgresSourceDDL.isBare(part.column.type)
            case .text: part.column.form == .text
            case .null, .real, .blob: false
            }
        }
    }

    private func spell(_ keys: [[Value]], on connection: any Connection) throws(DatabaseError) -> [Key?] {
        let names = parts.indices.map { "k\($0)" }
        let arrays = names.map { ":\($0)::text[]" }.joined(separator: ", ")
        let typed = zip(names, parts).map { "wanted.\($0)::\($1.column.type) AS \(Identifier($1.column.name))" }
        var parameters: Parameters = [:]
        for (index, name) in names.enumerated() {
            parameters[name] = TextArray(keys.map { $0[index].element }).value
        }
        let rows = try connection.rows(
            SQL(
                postgres: """
                    SELECT t.millrace_place, \(target.ddl.keyExpression("t."))
                    FROM (SELECT wanted.place AS millrace_place, \(typed.joined(separator: ", "))
                        FROM unnest(\(arrays)) WITH ORDINALITY AS wanted(\(names.joined(separator: ", ")), place)) AS t
                    """), parameters)
        var answers = [Key?](repeating: nil, count: keys.count)
        for row in rows { answers[Int(row.integer(0)) - 1] = Key(literal: row.text(1)) }
        return answers
    }
}
