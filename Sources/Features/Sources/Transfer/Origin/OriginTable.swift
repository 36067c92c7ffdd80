import Core

/// A user's table in SQLite, with everything that a table of PostgreSQL's can keep of it.
struct OriginTable: Sendable, Hashable {
    struct Column: Sendable, Hashable {
        let name: String
        /// Empty where none was declared.
        let declaredType: String
        let isNotNull: Bool
        /// As SQLite's catalogue has it.
        let defaultText: String?
        let isGenerated: Bool
    }

    struct Index: Sendable, Hashable {
        let name: String
        /// In order; nil where a part is an expression.
        let columns: [String]?
        let isUnique: Bool
        /// Written as a constraint in the table's definition; it has no name of its own.
        let isConstraint: Bool
        let isPartial: Bool
        /// A collation that is not of bytes.
        let collation: String?
    }

    struct ForeignKey: Sendable, Hashable {
        let columns: [String]
        let table: String
        /// Empty where the other table's primary key is meant.
        let others: [String]
        let onUpdate: String
        let onDelete: String
    }

    let name: String
    let columns: [Column]
    /// In order; empty where there is none.
    let primaryKey: [String]
    /// Whether the primary key is SQLite's own number of the row, which it gives by itself.
    let isNumbered: Bool
    /// The largest number ever given, where SQLite keeps it.
    let highestNumber: Int64?
    let indexes: [Index]
    let foreignKeys: [ForeignKey]
    /// What cannot be kept.
    let notes: [TransferNote]
    /// The columns by which rows are read in pages: a source's key.
    let key: [String]
    /// Columns whose values keep their spelling: keys, statuses, and the texts that are embedded.
    let spelled: Set<String>

    func column(_ name: String) -> Column? {
        columns.first { $0.name == name }
    }

    func place(of name: String) -> Int? {
        columns.firstIndex { $0.name == name }
    }
}
