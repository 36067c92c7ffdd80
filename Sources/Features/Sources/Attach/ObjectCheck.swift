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

    /// The triggers that are gone, or that now belong to another table: a table rebuilt by a migration tool.
    package func missing(on connection: any Connection) throws(DatabaseError) -> [String] {
        var missing: [String] = []
        for trigger in source.ddl.names.triggers {
            let row = try connection.row(
                SQL(
                    sqlite: """
                        SELECT 1 FROM sqlite_schema
                        WHERE type = 'trigger' AND name = :name AND tbl_name = :table COLLATE NOCASE
                        """),
                ["name": .text(trigger.name), "table": .text(source.definition.table)])
            if row == nil { missing.append("trigger \(trigger.name)") }
        }
        return missing
    }

    /// Makes triggers, indexes and views anew. The status column comes back too if the rebuild lost it.
    package func restore(on connection: any Connection) throws {
        let ddl = source.ddl
        let shape = try TableShape.read(source.definition.table, on: connection)
        for name in source.definition.key + source.definition.text + [source.definition.into] where !shape.has(name) {
            throw SourceError(
                .unknownColumn,
                "source \"\(source.collection)\" needs column \"\(name)\", which \"\(shape.name)\" no longer has: remove the source, or bring the column back"
            )
        }
        if !shape.has(source.definition.status) { try connection.script(ddl.addStatusColumn) }
        try connection.script(ddl.dropTriggers)
        try connection.script(ddl.createTriggers)
        try connection.script(ddl.createIndexes)
        if source.definition.hasViews {
            try connection.script(ddl.dropViews)
            try connection.script(ddl.createViews)
        }
    }
}
