import Core

extension Attachment {
    /// Takes the source off: what Millrace made goes, the user's data and the written vectors stay.
    ///
    /// - Parameters:
    ///   - erases: sets the vector column to NULL in every row.
    ///   - onErased: hears of how many more rows that was done, where it is done in pages.
    /// - Returns: the names of what was dropped.
    package func remove(
        _ collection: String, erases: Bool, onErased: (Int) -> Void = { _ in }
    ) async throws -> [String] {
        let (database, sources) = (database, sources)
        let (source, present) = try await database.read { connection in
            let source = try sources.named(collection, on: connection)
            try TableRights(source.definition).requireOwner(on: connection)
            return (source, try Self.present(source, on: connection))
        }
        let isPostgres = source.definition.dialect == .postgres
        // A large table's vectors are more than one short transaction: in pages, while nothing is claimed.
        if erases, isPostgres {
            try await suspend(collection)
            try await Erasure(database: database, source: source).run(onPage: onErased)
        }
        try await lock.write(try await lockable(source), .everything) { connection in
            try Self.dropObjects(of: source, erases: erases && !isPostgres, on: connection)
            if isPostgres {
                try sources.suspend(source.id, fault: nil, on: connection)
            } else {
                try Self.forget(source, on: connection)
            }
        }
        guard isPostgres else { return present }
        // All its embeddings at once, which takes a while: the table is free again.
        try await database.write { connection in
            try TableLock.wait(for: .seconds(10), on: connection)
            try Self.forget(source, on: connection)
        }
        return present
    }

    /// The names of what the source has put into the database, the status column last.
    private static func present(_ source: Source, on connection: any Connection) throws -> [String] {
        let definition = source.definition
        let objects = try ObjectCheck.present(
            source.ddl.objects.map(\.name), beside: definition.tableName, on: connection)
        let hasStatus = try shape(of: source, on: connection)?.has(definition.status) == true
        return objects + (definition.madeStatusColumn && hasStatus ? ["column \(definition.status)"] : [])
    }

    /// nil where the table is gone: the source can be taken off all the same.
    private static func shape(of source: Source, on connection: any Connection) throws -> TableShape? {
        do {
            return try TableShape.read(source.definition.tableName, on: connection)
        } catch is SourceError {
            return nil
        }
    }

    private static func dropObjects(of source: Source, erases: Bool, on connection: any Connection) throws {
        let (definition, ddl) = (source.definition, source.ddl)
        try connection.script(ddl.dropObjects)
        guard let shape = try shape(of: source, on: connection) else { return }
        if definition.madeStatusColumn, shape.has(definition.status) { try connection.script(ddl.dropStatusColumn) }
        if erases, shape.has(definition.into) {
            try connection.run(
                .both("UPDATE \(definition.tableName.quoted) SET \(Identifier(definition.into)) = NULL"))
        }
    }

    private static func forget(_ source: Source, on connection: any Connection) throws(DatabaseError) {
        try announceRemoval(of: source.id, on: connection)
        try SourceStore().delete(source.id, on: connection)
    }

    /// The source's table where there is still one to lock.
    private func lockable(_ source: Source) async throws -> TableName? {
        guard source.definition.dialect == .postgres else { return nil }
        let table = source.definition.tableName
        let place = try await database.read { connection in try Partitions.place(of: table, on: connection) }
        return place == nil ? nil : table
    }

    /// The index and every follower hear that the source's items are gone.
    private static func announceRemoval(of source: SourceID, on connection: any Connection) throws(DatabaseError) {
        try connection.run(
            SQL(
                sqlite: """
                    INSERT INTO \(Table.feed)(source_id, item_id, at)
                    SELECT source_id, id, :now FROM \(Table.embedding) WHERE source_id = :source
                    """,
                postgres: """
                    INSERT INTO \(Table.feedIn)(source_id, item_id, at)
                    SELECT source_id, id, :now FROM \(Table.embedding) WHERE source_id = :source
                    """), ["source": Value(source), "now": Value(Timestamp.now())])
    }

    /// The source of a collection, where this role may alter its table.
    private func owned(_ collection: String) async throws -> Source {
        let sources = sources
        return try await database.read { connection in
            let source = try sources.named(collection, on: connection)
            try TableRights(source.definition).requireOwner(on: connection)
            return source
        }
    }

    /// Takes triggers and views away for a migration of the user's table; no job of the source is claimed meanwhile.
    package func suspend(_ collection: String) async throws {
        let sources = sources
        let source = try await owned(collection)
        try await lock.write(try await lockable(source), .everything) { connection in
            try connection.script(source.ddl.dropTriggers)
            if source.definition.hasViews { try connection.script(source.ddl.dropViews) }
            try sources.suspend(source.id, fault: nil, on: connection)
        }
    }

    /// Puts triggers and views back; what changed meanwhile is found by the sweep. An unfinished backfill goes on.
    package func resume(_ collection: String) async throws {
        let sources = sources
        let source = try await owned(collection)
        try await lock.write(try await lockable(source), .everything) { connection in
            try ObjectCheck(source).restore(on: connection)
            try sources.resume(source.id, on: connection)
        }
        try await indexes.ensure(source)
    }
}
