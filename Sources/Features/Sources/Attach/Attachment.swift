package import Core

/// Attaches a source to a table and takes it off again, each in one transaction (indexes after it).
package struct Attachment: Sendable {
    let database: any Database
    let sources = SourceStore()

    package init(database: any Database) {
        self.database = database
    }

    /// What `source add` did, for the user.
    package struct Report: Sendable {
        package var source: Source
        /// False where the same source was attached already.
        package var isNew: Bool
        /// The names of the objects made now.
        package var made: [String]
        /// Things that were there and are used or were replaced, and the user's triggers that see Millrace's writes.
        package var adopted: [String]
        package var rowCount: Int
    }

    /// Checks everything, then makes everything in one transaction; the rows that are there are taken in afterwards
    /// by ``Backfill``.
    ///
    /// The same source once more is mended and, where it was suspended, resumed.
    package func add(_ request: AttachRequest) async throws -> Report {
        let sources = sources
        let report = try await database.write { connection in
            let plan = try AttachPlan(request, on: connection)
            if let present = plan.present { return try Self.mend(present, plan, on: connection) }
            let source = try sources.insert(
                collection: plan.collection, plan.definition, total: plan.rowCount, on: connection)
            return try Self.make(source, plan, on: connection)
        }
        let indexes = report.source.ddl.createIndexes
        try await database.write { connection in try connection.script(indexes) }
        return report
    }

    private static func mend(_ source: Source, _ plan: AttachPlan, on connection: any Connection) throws -> Report {
        let missing = try ObjectCheck(source).missing(on: connection)
        if !missing.isEmpty { try ObjectCheck(source).restore(on: connection) }
        try SourceStore().resume(source.id, on: connection)
        let present = try SourceStore().find(source.id, on: connection) ?? source
        return Report(source: present, isNew: false, made: missing, adopted: [], rowCount: plan.rowCount)
    }

    private static func make(_ source: Source, _ plan: AttachPlan, on connection: any Connection) throws -> Report {
        let ddl = source.ddl
        var report = Report(source: source, isNew: true, made: [], adopted: [], rowCount: plan.rowCount)
        if !plan.taken.isEmpty {
            try connection.script(ddl.dropObjects)
            report.adopted += plan.taken.map { "replaced \($0)" }
        }
        if source.definition.madeStatusColumn {
            try connection.script(ddl.addStatusColumn)
            report.made.append("column \(source.definition.status)")
        } else {
            report.adopted.append("column \(source.definition.status), already there")
        }
        try connection.script(ddl.createTriggers)
        if source.definition.hasViews { try connection.script(ddl.createViews) }
        report.made += ddl.objects.map { "\($0.kind) \($0.name.name)" }
        report.adopted += plan.foreignTriggers.map { "trigger \($0) of yours, which also sees what Millrace writes" }
        return report
    }

    /// The SQL that ``add(_:)`` would run, for an owner who runs it by hand. Changes nothing.
    ///
    /// - Throws: ``SourceError`` for whatever `add` refuses, and where the source is attached already.
    package func sql(for request: AttachRequest) async throws -> String {
        let sources = sources
        return try await database.read { connection in
            let plan = try AttachPlan(request, on: connection)
            if let present = plan.present {
                throw SourceError(
                    .alreadyAttached,
                    "source \"\(present.collection)\" is attached already, there is nothing to run: mend it with millrace source add, without --print-sql"
                )
            }
            let next = try sources.nextID(on: connection)
            let ddl = SourceDDL(source: next, definition: plan.definition)
            let parts = [
                "-- Millrace's own tables must exist: millrace status makes them. Stop at the first error: sqlite3 -bail.",
                "BEGIN IMMEDIATE;",
                sources.insertText(collection: plan.collection, plan.definition, id: next),
                plan.taken.isEmpty ? nil : ddl.dropObjects,
                plan.definition.madeStatusColumn ? ddl.addStatusColumn : nil,
                ddl.createTriggers,
                plan.definition.hasViews ? ddl.createViews : nil,
                "COMMIT;",
                ddl.createIndexes,
            ]
            return parts.compactMap { $0 }.joined(separator: "\n\n")
        }
    }
}
