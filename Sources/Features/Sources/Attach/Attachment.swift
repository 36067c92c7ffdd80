package import Core

/// Attaches a source to a table and takes it off again, each in one transaction (indexes after it).
package struct Attachment: Sendable {
    let database: any Database
    let sources = SourceStore()
    /// Takes the table for as long as its triggers are made.
    var lock: TableLock
    var indexes: IndexBuild { IndexBuild(database: database, lock: lock) }

    /// - Parameter onWait: is told whom the attachment waits for, every few seconds.
    package init(database: any Database, onWait: @escaping @Sendable (TableWait) -> Void = { _ in }) {
        self.database = database
        lock = TableLock(database: database, onWait: onWait)
    }

    /// What `source add` did, for the user.
    package struct Report: Sendable {
        package var source: Source
        /// False where the same source was attached already.
        package var isNew: Bool
        /// The names of the objects made now.
        package var made: [String]
        /// Things that were there and are used or were replaced, the user's triggers that see Millrace's writes, and
        /// whatever else the user should know of the table.
        package var adopted: [String]
        package var rowCount: Int
    }

    /// Refuses what ``add(_:)`` would refuse. Changes nothing, also where Millrace's own tables are not there yet.
    package func check(_ request: AttachRequest) async throws {
        try await database.rehearsing { connection in
            _ = try AttachPlan(request, on: connection)
        }
    }

    /// Checks everything, then makes everything in one transaction; the rows that are there are taken in afterwards
    /// by ``Backfill``.
    ///
    /// The same source once more is mended and, where it was suspended, resumed.
    package func add(_ request: AttachRequest) async throws -> Report {
        // Looked at first, and counted, while nobody is kept waiting.
        let draft = try await database.read { connection in
            var plan = try AttachPlan(request, on: connection)
            try plan.requireRights(on: connection)
            try plan.countRows(on: connection)
            return plan
        }
        let report: Report
        if let present = draft.present {
            report = try await mend(present, draft)
        } else {
            report = try await make(request, draft)
        }
        try await indexes.ensure(report.source)
        return report
    }

    private func mend(_ source: Source, _ plan: AttachPlan) async throws -> Report {
        let missing = try await database.read { connection in
            let missing = try ObjectCheck(source).missing(on: connection)
            if !missing.isEmpty { try TableRights(source.definition).requireOwner(on: connection) }
            return missing
        }
        let needsTable = missing.contains { !$0.hasPrefix("index ") }
        let present = try await lock.write(needsTable ? plan.definition.tableName : nil, .everything) { connection in
            if !missing.isEmpty { try ObjectCheck(source).restore(on: connection) }
            try SourceStore().resume(source.id, on: connection)
            return try SourceStore().find(source.id, on: connection) ?? source
        }
        return Report(source: present, isNew: false, made: missing, adopted: plan.notes, rowCount: plan.rowCount)
    }

    private func make(_ request: AttachRequest, _ draft: AttachPlan) async throws -> Report {
        let sources = sources
        let mode: TableLock.Mode = draft.definition.madeStatusColumn || !draft.taken.isEmpty ? .everything : .writes
        return try await lock.write(draft.definition.tableName, mode) { connection in
            // The table may have changed since.
            var plan = try AttachPlan(request, on: connection)
            plan.rowCount = draft.rowCount
            if let present = plan.present {
                throw SourceError(
                    .alreadyAttached,
                    "source \"\(present.collection)\" has been attached by somebody else in this moment: look at millrace source list"
                )
            }
            let source = try sources.insert(
                collection: plan.collection, plan.definition, total: plan.rowCount, on: connection)
            return try Self.make(source, plan, on: connection)
        }
    }

    private static func make(_ source: Source, _ plan: AttachPlan, on connection: any Connection) throws -> Report {
        let ddl = source.ddl
        var report = Report(source: source, isNew: true, made: [], adopted: [], rowCount: plan.rowCount)
        if !plan.taken.isEmpty {
            try connection.script(ddl.dropTaken)
            report.adopted += plan.taken.map { "replaced \($0)" }
        }
        if source.definition.madeStatusColumn {
            try connection.script(ddl.addStatusColumn)
            report.made.append("column \(source.definition.status)")
        } else {
            report.adopted.append("column \(source.definition.status), already there")
        }
        try connection.script(ddl.createTriggers)
        if let ddl = ddl as? PostgresSourceDDL {
            for partition in try Partitions.all(of: source.definition.tableName, on: connection) {
                try connection.script(ddl.createTriggers(onPartition: partition.table))
                report.made.append("triggers of partition \(partition.table)")
            }
            try TableRights(source.definition).handFunctions(of: ddl, on: connection)
        }
        if source.definition.hasViews { try connection.script(ddl.createViews) }
        report.made += ddl.objects.map(\.description)
        report.adopted += plan.foreignTriggers.map { "trigger \($0) of yours, which also sees what Millrace writes" }
        report.adopted += plan.notes
        return report
    }
}
