package import Core

/// Looks whether what a source made is still there, and puts it back.
package struct ObjectCheck: Sendable {
    let source: Source

    package init(_ source: Source) {
        self.source = source
    }

    /// Of `names`, those that the database has in the table's schema, with their kind: `view v_embedding_status`.
    static func present(
        _ names: [Identifier], beside table: TableName, on connection: any Connection
    ) throws(DatabaseError) -> [String] {
        var present: [String] = []
        for name in names {
            switch connection.dialect {
            case .sqlite: present += try presentInSQLite(name, on: connection)
            case .postgres: present += try presentInPostgres(name, beside: table, on: connection)
            }
        }
        return present
    }

    /// The owner's own triggers on updates of the table, which see what Millrace writes.
    static func foreignTriggers(
        on table: TableName, on connection: any Connection
    ) throws(DatabaseError) -> [String] {
        switch connection.dialect {
        case .sqlite: try foreignTriggersInSQLite(on: table, on: connection)
        case .postgres: try foreignTriggersInPostgres(on: table, on: connection)
        }
    }

    /// What is gone of column, triggers, views and indexes, or now belongs to another table: a table rebuilt by a
    /// migration tool, a partition added since, or an attachment that was stopped before its indexes.
    package func missing(on connection: any Connection) throws(DatabaseError) -> [String] {
        switch source.definition.dialect {
        case .sqlite: try missingInSQLite(on: connection)
        case .postgres: try missingInPostgres(on: connection)
        }
    }

    /// The table, where it still has every column that the source needs, and where the role may read and write them.
    @discardableResult
    func requireColumns(on connection: any Connection) throws -> TableShape {
        try TableRights(source.definition).requireWork(on: connection)
        let shape: TableShape
        do {
            shape = try TableShape.read(source.definition.tableName, on: connection)
        } catch let error as SourceError {
            throw SourceError(
                error.code,
                "source \"\(source.collection)\" has lost its table, nothing is deleted: bring \"\(source.definition.tableName)\" back (\(error.message)), or remove the source and attach the table anew, whose vectors are then taken over"
            )
        }
        for name in source.definition.key + source.definition.text + [source.definition.into] where !shape.has(name) {
            throw SourceError(
                .unknownColumn,
                "source \"\(source.collection)\" needs column \"\(name)\", which \"\(shape.table)\" no longer has: bring the column back, or remove the source and attach the table anew, whose vectors are then taken over"
            )
        }
        try requireTypes(shape)
        // Of the same type, and yet perhaps of another length, or NOT NULL.
        let into = try shape.column(source.definition.into, for: "--into")
        _ = try VectorFormat.of(into, dimension: source.definition.dimension, in: shape.table)
        return shape
    }

    /// Makes triggers and views anew, on SQLite indexes too. The status column comes back if the rebuild lost it.
    ///
    /// PostgreSQL's indexes are ``IndexBuild``'s, outside the transaction.
    package func restore(on connection: any Connection) throws {
        let shape = try requireColumns(on: connection)
        switch source.definition.dialect {
        case .sqlite: try restoreInSQLite(shape, on: connection)
        case .postgres: try restoreInPostgres(shape, on: connection)
        }
    }
}
