import Core

extension Attachment {
    /// Takes the source off: what Millrace made goes, the user's data and the written vectors stay.
    ///
    /// - Parameter erases: sets the vector column to NULL in every row.
    /// - Returns: the names of what was dropped.
    package func remove(_ collection: String, erases: Bool) async throws -> [String] {
        let sources = sources
        return try await database.write { connection in
            let source = try sources.named(collection, on: connection)
            let definition = source.definition
            let ddl = source.ddl
            var dropped = try ObjectCheck.present(ddl.objects.map(\.name), on: connection)
            try connection.script(ddl.dropObjects)
            // The table may be gone, or have lost columns: the source can be taken off all the same.
            if let shape = try? TableShape.read(definition.table, on: connection) {
                if definition.madeStatusColumn, shape.has(definition.status) {
                    try connection.script(ddl.dropStatusColumn)
                    dropped.append("column \(definition.status)")
                }
                if erases, shape.has(definition.into) {
                    try connection.run(
                        .both("UPDATE \(Identifier(definition.table)) SET \(Identifier(definition.into)) = NULL"))
                }
            }
            try Self.announceRemoval(of: source.id, on: connection)
            try sources.delete(source.id, on: connection)
            return dropped
        }
    }

    /// The index and every follower hear that the source's items are gone.
    private static func announceRemoval(of source: SourceID, on connection: any Connection) throws(DatabaseError) {
        try connection.run(
            .both(
                """
                INSERT INTO \(Table.feed)(source_id, item_id, at)
                SELECT source_id, id, :now FROM \(Table.embedding) WHERE source_id = :source
                """), ["source": Value(source), "now": Value(Timestamp.now())])
    }

    /// Takes triggers and views away for a migration of the user's table; no job of the source is claimed meanwhile.
    package func suspend(_ collection: String) async throws {
        let sources = sources
        try await database.write { connection in
            let source = try sources.named(collection, on: connection)
            try connection.script(source.ddl.dropTriggers)
            if source.definition.hasViews { try connection.script(source.ddl.dropViews) }
            try sources.suspend(source.id, fault: nil, on: connection)
        }
    }

    /// Puts triggers and views back; what changed meanwhile is found by the sweep. An unfinished backfill goes on.
    package func resume(_ collection: String) async throws {
        let sources = sources
        try await database.write { connection in
            let source = try sources.named(collection, on: connection)
            try ObjectCheck(source).restore(on: connection)
            try sources.resume(source.id, on: connection)
        }
    }
}
