import Core

extension Attachment {
    /// The SQL that ``add(_:)`` would run, for an owner who runs it by hand. Changes nothing.
    ///
    /// - Throws: ``SourceError`` for whatever `add` refuses, and where the source is attached already.
    package func sql(for request: AttachRequest) async throws -> String {
        let sources = sources
        return try await database.rehearsing { connection in
            // Its rows are not counted: who prints need not be allowed to read them.
            let plan = try AttachPlan(request, on: connection)
            if let present = plan.present {
                throw SourceError(
                    .alreadyAttached,
                    "source \"\(present.collection)\" is attached already, there is nothing to run: mend it with millrace source add, without --print-sql"
                )
            }
            let next = try sources.nextID(on: connection)
            let insert = sources.insertText(collection: plan.collection, plan.definition, id: next)
            switch connection.dialect {
            case .sqlite: return Self.sqlite(plan, next, insert)
            case .postgres: return try Self.postgres(plan, next, insert, on: connection)
            }
        }
    }

    private static func sqlite(_ plan: AttachPlan, _ source: SourceID, _ insert: String) -> String {
        let ddl = SQLiteSourceDDL(source: source, definition: plan.definition)
        let parts = [
            "-- Millrace's own tables must exist: millrace db migrate makes them. Stop at the first error: sqlite3 -bail.",
            "BEGIN IMMEDIATE;",
            insert,
            plan.taken.isEmpty ? nil : ddl.dropTaken,
            plan.definition.madeStatusColumn ? ddl.addStatusColumn : nil,
            ddl.createTriggers,
            plan.definition.hasViews ? ddl.createViews : nil,
            "COMMIT;",
            ddl.createIndexes,
        ]
        return parts.compactMap { $0 }.joined(separator: "\n\n")
    }

    /// Also hands the functions to the owner of Millrace's tables, and gives Millrace's role what it needs of the table.
    private static func postgres(
        _ plan: AttachPlan, _ source: SourceID, _ insert: String, on connection: any Connection
    ) throws -> String {
        let ddl = PostgresSourceDDL(source: source, definition: plan.definition)
        let roles = try TableRights(plan.definition).roles(on: connection)
        let partitions = try Partitions.all(of: plan.definition.tableName, on: connection)
        let head = """
            -- For psql, by a role that owns \(plan.definition.tableName) and is a member of \(roles.keeper.name), which owns Millrace's
            -- tables, or by a superuser. Millrace's tables must exist: millrace db migrate makes them.
            \\set ON_ERROR_STOP on
            """
        let lock = """
            BEGIN;
            -- Others are not kept waiting behind this: if it fails, run it again.
            SET LOCAL lock_timeout = '2s';
            """
        let parts: [String?] = [
            head, lock, insert, plan.taken.isEmpty ? nil : ddl.dropTaken,
            plan.definition.madeStatusColumn ? ddl.addStatusColumn : nil,
            ddl.createTriggers,
            partitions.isEmpty
                ? nil : partitions.map { ddl.createTriggers(onPartition: $0.table) }.joined(separator: "\n\n"),
            ddl.handFunctions(to: roles.keeper),
            plan.definition.hasViews ? ddl.createViews : nil,
            TableRights(plan.definition).grants(to: roles.millrace),
            "COMMIT;",
            partitions.isEmpty
                ? ddl.indexes.map {
                    "CREATE INDEX CONCURRENTLY IF NOT EXISTS \($0.name) ON \(ddl.table) (\($0.column));"
                }
                .joined(separator: "\n")
                : "-- The indexes, of every partition: run millrace source add, without --print-sql, as the table's owner.",
        ]
        return parts.compactMap { $0 }.joined(separator: "\n\n")
    }
}
