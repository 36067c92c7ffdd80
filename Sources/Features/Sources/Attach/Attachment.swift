package import Core

/// Attaches a source to a table and takes it off again, each in one transaction (indexes after it).
package struct Attachment: Sendable {
    fileprivate let database: any Database
    private let sources = SourceStore()

    package init(database: any Database) {
        self.database = database
    }

    /// What `source add` did, for the user.
    package struct Report: Sendable {
        package var source: Source
        /// False where the same source was attached already and nothing needed mending.
        package var isNew: Bool
        /// The names of the objects made now.
        package var made: [String]
        /// Things that were there and are used or were replaced.
        package var adopted: [String]
        package var rowCount: Int
    }

    /// Checks everything, then makes everything in one transaction; the rows that are there are taken in afterwards
    /// by ``Backfill``.
    package func add(_ request: AttachRequest) async throws -> Report {
        let sources = sources
        let report = try await database.write { connection in
            let shape = try TableShape.read(request.table, on: connection)
            let present = try sources.all(on: connection)
            let definition = try request.definition(for: shape, beside: present)
            if let same = present.first(where: { $0.definition.table == shape.name && $0.definition.into == definition.into }) {
                return try Self.again(same, definition, on: connection)
            }
            let collection = request.collection ?? Self.freeName(shape.name, definition.into, present)
            guard !present.contains(where: { $0.collection == collection }) else {
                throw SourceError(.alreadyAttached, "a collection named \"\(collection)\" exists already: choose another with --collection")
            }
            guard !present.contains(where: { $0.definition.table == shape.name && $0.definition.status == definition.status })
            else {
                throw SourceError(
                    .columnTaken,
                    "column \"\(definition.status)\" is the status of another source on \"\(shape.name)\": choose another with --status")
            }
            let count = Int(try connection.row(.both("SELECT COUNT(*) FROM \(Identifier(shape.name))"))?.integer(0) ?? 0)
            let source = try sources.insert(collection: collection, definition, total: count, on: connection)
            var report = Report(source: source, isNew: true, made: [], adopted: [], rowCount: count)
            try Self.make(source, shape, replacing: request.replacesObjects, into: &report, on: connection)
            return report
        }
        if report.isNew {
            let ddl = report.source.ddl
            try await database.write { connection in try connection.script(ddl.createIndexes) }
        }
        return report
    }

    private static func freeName(_ table: String, _ column: String, _ present: [Source]) -> String {
        present.contains { $0.collection == table } ? "\(table)_\(column)" : table
    }

    /// The same table and vector column once more: fine if it means the same, refused if it means something else.
    private static func again(
        _ source: Source, _ wanted: SourceDefinition, on connection: any Connection
    ) throws -> Report {
        let present = source.definition
        guard present.key == wanted.key, present.text == wanted.text, present.template == wanted.template,
            present.model == wanted.model
        else {
            throw SourceError(
                .columnTaken,
                "column \"\(wanted.into)\" of \"\(wanted.table)\" already receives the vectors of source \"\(source.collection)\": remove that one first with millrace source remove \(source.collection), or name another column for --into"
            )
        }
        let missing = try ObjectCheck(source).missing(on: connection)
        if !missing.isEmpty {
            try ObjectCheck(source).restore(on: connection)
        }
        let count = try connection.row(.both("SELECT COUNT(*) FROM \(Identifier(present.table))"))?.integer(0) ?? 0
        return Report(source: source, isNew: false, made: missing, adopted: [], rowCount: Int(count))
    }

    private static func make(
        _ source: Source, _ shape: TableShape, replacing: Bool, into report: inout Report, on connection: any Connection
    ) throws {
        let ddl = source.ddl
        let names = ddl.names
        let wanted = names.triggers + names.indexes + (source.definition.hasViews ? names.views : [])
        let taken = try ObjectCheck.present(wanted, on: connection)
        if !taken.isEmpty {
            guard replacing else {
                throw SourceError(
                    .nameTaken,
                    "the database already has \(taken.joined(separator: ", ")), made by someone else: add --replace to let Millrace replace them"
                )
            }
            try connection.script([ddl.dropTriggers, ddl.dropViews, ddl.dropIndexes].joined(separator: "\n"))
            report.adopted += taken.map { "replaced \($0)" }
        }
        if source.definition.madeStatusColumn {
            try connection.script(ddl.addStatusColumn)
            report.made.append("column \(source.definition.status)")
        } else {
            report.adopted.append("column \(source.definition.status), already there")
        }
        try connection.script(ddl.createTriggers)
        report.made += names.triggers.map { "trigger \($0.name)" }
        if source.definition.hasViews {
            try connection.script(ddl.createViews)
            report.made += names.views.map { "view \($0.name)" }
        }
        report.made.append("index \(names.statusIndex.name)")
        if source.definition.updated != nil { report.made.append("index \(names.updatedIndex.name)") }
    }

    // MARK: Off again

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
            let names = ddl.names
            let dropped = try ObjectCheck.present(names.triggers + names.views + names.indexes, on: connection)
            try connection.script([ddl.dropTriggers, ddl.dropViews, ddl.dropIndexes].joined(separator: "\n"))
            let tableExists = try connection.row(
                SQL(sqlite: "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = :name"),
                ["name": .text(definition.table)])
            if tableExists != nil {
                if definition.madeStatusColumn { try connection.script(ddl.dropStatusColumn) }
                if erases {
                    try connection.run(
                        .both("UPDATE \(Identifier(definition.table)) SET \(Identifier(definition.into)) = NULL"))
                }
            }
            try Self.announceRemoval(of: source.id, on: connection)
            try sources.delete(source.id, on: connection)
            return dropped + (definition.madeStatusColumn ? ["column \(definition.status)"] : [])
        }
    }

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
            try connection.script(source.ddl.dropTriggers + "\n" + source.ddl.dropViews)
            try sources.setState(.suspended, of: source.id, on: connection)
        }
    }

    /// Puts triggers and views back; what changed meanwhile is found by the sweep.
    package func resume(_ collection: String) async throws {
        let sources = sources
        try await database.write { connection in
            let source = try sources.named(collection, on: connection)
            try ObjectCheck(source).restore(on: connection)
            try sources.setState(.active, of: source.id, on: connection)
        }
    }
}

extension Attachment {
    /// The SQL that ``add(_:)`` would run, for an owner who runs it by hand. Changes nothing.
    package func sql(for request: AttachRequest) async throws -> String {
        let sources = SourceStore()
        return try await database.read { connection in
            let shape = try TableShape.read(request.table, on: connection)
            let definition = try request.definition(for: shape, beside: try sources.all(on: connection))
            let next = try connection.row(.both("SELECT COALESCE(MAX(id), 0) + 1 FROM \(Table.source)"))?.id(0) ?? SourceID(1)
            let ddl = SourceDDL(source: next, definition: definition)
            let parts = [
                "-- Millrace's own tables must exist: millrace status makes them.",
                "BEGIN IMMEDIATE;",
                sources.insertText(collection: request.collection ?? shape.name, definition, id: next),
                definition.madeStatusColumn ? ddl.addStatusColumn : nil,
                ddl.createTriggers,
                definition.hasViews ? ddl.createViews : nil,
                "COMMIT;",
                ddl.createIndexes,
            ]
            return parts.compactMap { $0 }.joined(separator: "\n\n")
        }
    }
}
