/// Something of the origin that the target does not get, or gets in another form; for people to know before they switch.
package struct TransferNote: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, CaseIterable, Codable {
        /// A CHECK constraint.
        case check
        /// A trigger of the owner's.
        case trigger
        /// A view of the owner's that reads an attached table.
        case view
        /// A foreign key to a table that is not attached, or that the rows break.
        case foreignKey
        /// A generated column, which becomes a plain one with the values that it has now.
        case generatedColumn
        /// A default that only SQLite can compute.
        case defaultValue
        /// A collation of SQLite's own.
        case collation
        /// An index on expressions or on some of the rows, or one that PostgreSQL refused.
        case index
        /// An index whose name is taken, and which therefore has another.
        case renamedIndex
        /// A column of numbers and texts, all of which are texts now.
        case mixedColumn
        /// A table that no source watches, and that therefore stays behind.
        case otherTable
        /// Embeddings, jobs and failures of keys that no row can have.
        case lostRecords
        /// Rows that were in the target's table before.
        case rowsBefore
        /// A column that the target computes itself.
        case computedColumn
    }

    package let kind: Kind
    /// The user's table.
    package let table: String
    /// What it is about: a name, a column, a definition, a number.
    package let detail: String

    init(_ kind: Kind, _ table: String, _ detail: String) {
        self.kind = kind
        self.table = table
        self.detail = detail
    }
}
