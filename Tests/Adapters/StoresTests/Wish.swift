import Core
import Sources

/// The statement by which a trigger enqueues a row, taken from the trigger's own text.
enum Wish {
    static func statement(_ dialect: Dialect) -> SQL {
        let text = SQLText("\(conflict(dialect))")
        return SQL.both("INSERT INTO \(Table.job) AS job (source_id, key) VALUES (:source, :key) \(text)")
    }

    /// What the triggers do where the row has a job already.
    static func conflict(_ dialect: Dialect) -> String {
        var definition = SourceDefinition(
            table: "parts", key: ["id"], text: ["name"], into: "vector", model: "tiny", dimension: 4)
        definition.schema = dialect == .postgres ? "public" : nil
        let triggers = definition.ddl(for: SourceID(1)).createTriggers
        let lines = triggers.split(separator: "\n").drop { !$0.contains("ON CONFLICT") }
        let end = lines.firstIndex { $0.hasSuffix(";") } ?? lines.startIndex
        return lines[...end].joined(separator: "\n").replacing(";", with: "")
    }
}
