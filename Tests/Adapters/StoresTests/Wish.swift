import Core
import Sources

/// The statement by which a trigger enqueues a row, taken from the trigger's own text.
enum Wish {
    static let statement = SQL.both("INSERT INTO \(Table.job)(source_id, key) VALUES (:source, :key) \(conflict)")

    /// What the triggers do where the row has a job already.
    static var conflict: String {
        let triggers = SQLiteSourceDDL(
            source: SourceID(1),
            definition: SourceDefinition(
                table: "parts", key: ["id"], text: ["name"], into: "vector", model: "tiny", dimension: 4)
        ).createTriggers
        let lines = triggers.split(separator: "\n").drop { !$0.contains("ON CONFLICT") }
        let end = lines.firstIndex { $0.hasSuffix(";") } ?? lines.startIndex
        return lines[...end].joined(separator: "\n").replacing(";", with: "")
    }
}
