package import Core

/// Looks whether what a source made is still there, and puts it back.
package struct ObjectCheck: Sendable {
    private let source: Source

    package init(_ source: Source) {
        self.source = source
    }

    /// Of `names`, those that the database has, with their kind: `view v_embedding_status`.
    static func present(_ names: [Identifier], on connection: any Connection) throws(DatabaseError) -> [String] {
        var present: [String] = []
        for name in names {
            let row = try connection.row(
                SQL(sqlite: "SELECT type || ' ' || name FROM sqlite_schema WHERE name = :name COLLATE NOCASE"),
                ["name": .text(name.name)])
            if let row { present.append(row.text(0)) }
        }
        return present
    }

    /// What is gone of column, triggers, views and indexes, or now belongs to another table: a table rebuilt by a
    /// migration tool, or an attachment that was stopped before its indexes.
    package func missing(on connection: any Connection) throws(DatabaseError) -> [String] {
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
                    "kind": .text(object.kind), "name": .text(object.name.name),
                    "table": .text(source.definition.table),
                ])
            if row == nil { missing.append("\(object.kind) \(object.name.name)") }
        }
        return missing
    }

    /// The table, where it still has every column that the source needs.
    @discardableResult
    func requireColumns(on connection: any Connection) throws -> TableShape {
        let shape: TableShape
        do {
            shape = try TableShape.read(source.definition.table, on: connection)
        } catch let error as SourceError {
            throw SourceError(
                error.code,
                "source \"\(source.collection)\" has lost its table, nothing is deleted: bring \"\(source.definition.table)\" back (\(error.message)), or remove the source and attach the table anew, whose vectors are then taken over"
            )
        }
        for name in source.definition.key + source.definition.text + [source.definition.into] where !shape.has(name) {
            throw SourceError(
                .unknownColumn,
                "source \"\(source.collection)\" needs column \"\(name)\", which \"\(shape.name)\" no longer has: bring the column back, or remove the source and attach the table anew, whose vectors are then taken over"
            )
        }
        return shape
    }

    /// Makes triggers, indexes and views anew. The status column comes back too if the rebuild lost it.
    package func restore(on connection: any Connection) throws {
        let ddl = source.ddl
        let shape = try requireColumns(on: connection)
        // Indexes go by name alone, so that one left on a renamed table gives its name back.
        try connection.script(ddl.dropObjects)
        if !shape.has(source.definition.status) { try connection.script(ddl.addStatusColumn) }
        try connection.script(ddl.createTriggers)
        try connection.script(ddl.createIndexes)
        if source.definition.hasViews { try connection.script(ddl.createViews) }
    }
}
