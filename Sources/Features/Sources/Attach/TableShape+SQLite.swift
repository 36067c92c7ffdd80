import Core

extension TableShape {
    static func readSQLite(_ table: String, on connection: any Connection) throws -> TableShape {
        let found = try connection.row(
            SQL(
                sqlite:
                    "SELECT name, type, COALESCE(sql, '') LIKE 'CREATE VIRTUAL%' FROM sqlite_schema WHERE name = :name COLLATE NOCASE AND type IN ('table', 'view')"
            ),
            ["name": .text(table)])
        guard !isReserved(table) else {
            throw SourceError(
                .unknownTable,
                "\"\(table)\" belongs to \(table.lowercased().hasPrefix("sqlite_") ? "SQLite" : "Millrace") itself: name a table of yours — \(try others(on: connection))"
            )
        }
        guard let found else {
            throw SourceError(.unknownTable, "there is no table \"\(table)\" — \(try others(on: connection))")
        }
        guard found.text(1) == "table" else {
            throw SourceError(.unknownTable, "\"\(table)\" is a view: name the table that its rows come from")
        }
        guard found.integer(2) == 0 else {
            throw SourceError(
                .unknownTable,
                "\"\(table)\" is a virtual table, on which SQLite allows no triggers: name the table that it is made from"
            )
        }
        let name = found.text(0)
        let columns = try connection.rows(
            SQL(sqlite: "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(:name)"),
            ["name": .text(name)]
        ).map { row in
            Column(
                name: row.text(0), declaredType: row.text(1), isNotNull: row.integer(2) != 0,
                primaryKeyPlace: Int(row.integer(3)), isGenerated: row.integer(4) >= 2)
        }
        guard !columns.isEmpty else {
            throw SourceError(.unknownTable, "\"\(table)\" has no columns that SQLite can list: it cannot be watched")
        }
        return TableShape(
            table: TableName(name), columns: columns, uniqueSets: try uniqueSets(name, columns, on: connection))
    }

    private static func uniqueSets(
        _ table: String, _ columns: [Column], on connection: any Connection
    ) throws(DatabaseError) -> [[String]] {
        var sets: [[String]] = []
        let primary = columns.filter { $0.primaryKeyPlace > 0 }.sorted { $0.primaryKeyPlace < $1.primaryKeyPlace }
        if !primary.isEmpty { sets.append(primary.map(\.name)) }
        let indexes = try connection.rows(
            SQL(sqlite: "SELECT name FROM pragma_index_list(:table) WHERE \"unique\" AND NOT partial"),
            ["table": .text(table)])
        for index in indexes {
            let names = try connection.rows(
                SQL(sqlite: "SELECT name FROM pragma_index_info(:index) ORDER BY seqno"), ["index": index[0]]
            ).map { $0[0].text }
            let set = names.compactMap { $0 }
            if set.count == names.count, !sets.contains(set) { sets.append(set) }
        }
        return sets
    }

    private static func isReserved(_ name: String) -> Bool {
        name.lowercased().hasPrefix("millrace_") || name.lowercased().hasPrefix("sqlite_")
    }

    private static func others(on connection: any Connection) throws(DatabaseError) -> String {
        let names = try connection.rows(
            SQL(sqlite: "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        )
        .map { $0.text(0) }.filter { !isReserved($0) }
        return names.isEmpty
            ? "the database has no tables yet: create one, or try millrace sample parts"
            : "tables are: \(names.joined(separator: ", "))"
    }
}
