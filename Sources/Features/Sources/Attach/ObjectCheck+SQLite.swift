import Core

extension ObjectCheck {
    static func presentInSQLite(_ name: Identifier, on connection: any Connection) throws(DatabaseError) -> [String] {
        try connection.rows(
            SQL(sqlite: "SELECT type || ' ' || name FROM sqlite_schema WHERE name = :name COLLATE NOCASE"),
            ["name": .text(name.name)]
        ).map { $0.text(0) }
    }

    static func foreignTriggersInSQLite(
        on table: TableName, on connection: any Connection
    ) throws(DatabaseError) -> [String] {
        try connection.rows(
            SQL(
                sqlite: """
                    SELECT name FROM sqlite_schema
                    WHERE type = 'trigger' AND tbl_name = :table COLLATE NOCASE AND sql LIKE '%UPDATE%'
                        AND name NOT LIKE 'trg\\_auto\\_embedding%' ESCAPE '\\'
                    ORDER BY name
                    """), ["table": .text(table.name)]
        ).map { $0.text(0) }
    }

    func missingInSQLite(on connection: any Connection) throws(DatabaseError) -> [String] {
        var missing: [String] = []
        let column = try connection.row(
            SQL(sqlite: "SELECT 1 FROM pragma_table_xinfo(:table) WHERE name = :name COLLATE NOCASE"),
            ["table": .text(source.definition.table), "name": .text(source.definition.status)])
        if column == nil { missing.append("column \(source.definition.status)") }
        for object in source.ddl.objects {
            let row = try connection.row(
                SQL(
                    sqlite: """
                        SELECT 1 FROM sqlite_schema
                        WHERE type = :kind AND name = :name AND (type = 'view' OR tbl_name = :table COLLATE NOCASE)
                        """),
                [
                    "kind": .text(object.kind.rawValue), "name": .text(object.name.name),
                    "table": .text(source.definition.table),
                ])
            if row == nil { missing.append("\(object)") }
        }
        return missing
    }

    func restoreInSQLite(_ shape: TableShape, on connection: any Connection) throws(DatabaseError) {
        let ddl = SQLiteSourceDDL(source: source.id, definition: source.definition)
        // Indexes go by name alone, so that one left on a renamed table gives its name back.
        try connection.script(ddl.dropObjects)
        if !shape.has(source.definition.status) { try connection.script(ddl.addStatusColumn) }
        try connection.script(ddl.createTriggers)
        try connection.script(ddl.createIndexes)
        if source.definition.hasViews { try connection.script(ddl.createViews) }
    }
}
