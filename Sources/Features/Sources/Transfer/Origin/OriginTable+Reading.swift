import Core

extension OriginTable {
    /// Reads SQLite's catalogue.
    ///
    /// - Parameter sources: those that watch the table; one at least.
    static func read(_ sources: [Source], on connection: any Connection) throws -> OriginTable {
        guard let first = sources.first else { preconditionFailure("a table is moved because a source watches it") }
        let shape = try TableShape.read(first.definition.tableName, on: connection)
        let name = shape.table.name
        let columns = try columns(name, on: connection)
        let primaryKey = shape.columns.filter { $0.primaryKeyPlace > 0 }
            .sorted { $0.primaryKeyPlace < $1.primaryKeyPlace }.map(\.name)
        let hasRowNumbers = try connection.row(
            SQL(sqlite: "SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND name = :name AND NOT wr"),
            ["name": .text(name)])
        let isNumbered =
            hasRowNumbers != nil && primaryKey.count == 1
            && columns.contains { $0.name == primaryKey[0] && $0.declaredType.uppercased() == "INTEGER" }
        let ours = Set(sources.flatMap { $0.ddl.objects.map { $0.name.name.lowercased() } })
        let indexes = try indexes(name, on: connection).filter { !ours.contains($0.name.lowercased()) }
        let text =
            try connection.row(
                SQL(sqlite: "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = :name"),
                ["name": .text(name)]
            )?[0].text ?? ""
        return OriginTable(
            name: name, columns: columns, primaryKey: primaryKey, isNumbered: isNumbered,
            highestNumber: isNumbered ? try highestNumber(name, on: connection) : nil,
            indexes: indexes, foreignKeys: try foreignKeys(name, on: connection),
            notes: try notes(name, columns, DefinitionWords(text), ours, on: connection),
            key: first.definition.key,
            spelled: Set(sources.flatMap { $0.definition.key + $0.definition.text + [$0.definition.status] }))
    }

    private static func columns(_ table: String, on connection: any Connection) throws(DatabaseError) -> [Column] {
        try connection.rows(
            SQL(sqlite: "SELECT name, type, \"notnull\", dflt_value, hidden FROM pragma_table_xinfo(:table)"),
            ["table": .text(table)]
        ).map { row in
            Column(
                name: row.text(0), declaredType: row.text(1), isNotNull: row.integer(2) != 0,
                defaultText: row[3].text, isGenerated: row.integer(4) >= 2)
        }
    }

    /// The table of these exists as soon as one table of the file counts its numbers.
    private static func highestNumber(_ table: String, on connection: any Connection) throws(DatabaseError) -> Int64? {
        let counted = try connection.row(SQL(sqlite: "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"))
        guard counted != nil else { return nil }
        return try connection.row(
            SQL(sqlite: "SELECT seq FROM sqlite_sequence WHERE name = :table"), ["table": .text(table)])?[0].integer
    }

    private static func indexes(_ table: String, on connection: any Connection) throws(DatabaseError) -> [Index] {
        var indexes: [Index] = []
        let found = try connection.rows(
            SQL(sqlite: "SELECT name, \"unique\", origin, partial FROM pragma_index_list(:table) ORDER BY seq DESC"),
            ["table": .text(table)])
        for row in found where row.text(2) != "pk" {
            let parts = try connection.rows(
                SQL(sqlite: "SELECT name, coll FROM pragma_index_xinfo(:index) WHERE key ORDER BY seqno"),
                ["index": row[0]])
            let names = parts.compactMap { $0[0].text }
            indexes.append(
                Index(
                    name: row.text(0), columns: names.count == parts.count ? names : nil,
                    isUnique: row.integer(1) != 0, isConstraint: row.text(2) == "u", isPartial: row.integer(3) != 0,
                    collation: parts.lazy.compactMap { $0[1].text }.first { $0.uppercased() != "BINARY" }))
        }
        return indexes
    }

    private static func foreignKeys(
        _ table: String, on connection: any Connection
    ) throws(DatabaseError) -> [ForeignKey] {
        let rows = try connection.rows(
            SQL(
                sqlite: """
                    SELECT id, "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(:table)
                    ORDER BY id DESC, seq
                    """), ["table": .text(table)])
        return Dictionary(grouping: rows) { $0.integer(0) }.sorted { $0.key > $1.key }.map { _, parts in
            ForeignKey(
                columns: parts.compactMap { $0[2].text }, table: parts[0].text(1),
                others: parts.compactMap { $0[3].text }, onUpdate: parts[0].text(4), onDelete: parts[0].text(5))
        }
    }

    // MARK: What cannot be kept

    private static func notes(
        _ table: String, _ columns: [Column], _ words: DefinitionWords, _ ours: Set<String>,
        on connection: any Connection
    ) throws(DatabaseError) -> [TransferNote] {
        var notes = columns.filter(\.isGenerated).map { TransferNote(.generatedColumn, table, $0.name) }
        if words.checks > 0 { notes.append(TransferNote(.check, table, String(words.checks))) }
        notes += words.collations.map { TransferNote(.collation, table, $0) }
        let others = try connection.rows(
            SQL(
                sqlite: """
                    SELECT type, name, sql FROM sqlite_schema
                    WHERE type = 'trigger' AND tbl_name = :table COLLATE NOCASE OR type = 'view'
                    ORDER BY type, name
                    """), ["table": .text(table)])
        for row in others where !ours.contains(row.text(1).lowercased()) {
            if row.text(0) == "trigger" {
                notes.append(TransferNote(.trigger, table, row.text(1)))
            } else if DefinitionWords(row[2].text ?? "").names(table) {
                notes.append(TransferNote(.view, table, row.text(1)))
            }
        }
        return notes
    }
}
