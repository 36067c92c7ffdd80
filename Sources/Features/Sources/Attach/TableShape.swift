package import Core

/// What the database's catalogue says of one of the user's tables.
package struct TableShape: Sendable {
    package struct Column: Hashable, Sendable {
        package let name: String
        /// As people write it: `INTEGER`, `character varying(40)`, `vector(384)`.
        package let declaredType: String
        package let isNotNull: Bool
        /// Place in the primary key from 1, 0 where it is not part of it.
        package let primaryKeyPlace: Int
        package let isGenerated: Bool
        /// nil on SQLite.
        package var type: ColumnType?
    }

    /// A PostgreSQL type; of a domain, the one beneath it.
    package struct ColumnType: Hashable, Sendable {
        let schema: String
        let name: String
        /// The number in brackets (`varchar(40)`, `vector(384)`), nil where there is none.
        let size: Int?

        /// As it is written into a cast.
        var quoted: String { "\(Identifier(schema)).\(Identifier(name))" }
        /// The name of a type that PostgreSQL comes with, empty for every other.
        var builtIn: String { schema == "pg_catalog" ? name : "" }
    }

    package let table: TableName
    package let columns: [Column]
    /// Column sets that a constraint or a full unique index makes unique, the primary key first.
    package let uniqueSets: [[String]]
    /// What the user should know before Millrace watches this table, a sentence each.
    package var notes: [String] = []

    /// Reads the catalogue, or refuses with the names that there are.
    package static func read(_ table: String, on connection: any Connection) throws -> TableShape {
        switch connection.dialect {
        case .sqlite: try readSQLite(table, on: connection)
        case .postgres: try readPostgres(table, on: connection)
        }
    }

    /// The table that a source watches.
    static func read(_ table: TableName, on connection: any Connection) throws -> TableShape {
        switch connection.dialect {
        case .sqlite: try readSQLite(table.name, on: connection)
        // In quotes, so that no part of the name is read as anything else.
        case .postgres: try readPostgres(table.quoted, shown: table.description, on: connection)
        }
    }

    /// The column of that name as the catalogue spells it, or an error that lists the columns. The name may be written in
    /// another case: SQLite ignores it, and on PostgreSQL it seldom means another column.
    package func column(_ name: String, for flag: String) throws(SourceError) -> Column {
        if let column = columns.first(where: { $0.name == name }) { return column }
        if let column = columns.first(where: { $0.name.lowercased() == name.lowercased() }) { return column }
        let known = columns.map(\.name).joined(separator: ", ")
        throw SourceError(
            .unknownColumn, "table \"\(table)\" has no column \"\(name)\" (\(flag)) — columns are: \(known)")
    }

    package func has(_ name: String) -> Bool {
        columns.contains { $0.name == name || table.schema == nil && $0.name.lowercased() == name.lowercased() }
    }
}
