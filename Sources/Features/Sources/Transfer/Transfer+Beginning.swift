import Core
import FoundationEssentials

extension Transfer {
    /// Marks the target, and makes tables and sources there, all in one transaction.
    func begin(_ plan: TransferPlan) async throws -> Copy {
        let mark = TransferMark(
            origin: try await originID(), place: origin.name,
            run: UUID().uuidString, madeTables: plan.entries.filter { $0.ddl != nil }.map { .init($0.target) },
            filledTables: plan.entries.filter { $0.ddl == nil && !$0.rowsBefore }.map { .init($0.target) }, sources: [])
        let target = target.database
        return try await target.write { connection in
            try TableLock.wait(for: .seconds(10), on: connection)
            var (mark, tables) = (mark, [TableCopy]())
            for entry in plan.entries {
                tables.append(try Self.prepare(entry, plan, in: target, on: connection))
            }
            mark.sources = tables.flatMap { $0.pairs.map(\.target.id.rawValue) }
            try mark.write(on: connection)
            return Copy(run: mark.run, plan: plan, tables: tables)
        }
    }

    private static func prepare(
        _ entry: TransferPlan.Entry, _ plan: TransferPlan, in target: any Database, on connection: any Connection
    ) throws -> TableCopy {
        if let ddl = entry.ddl { try connection.script(ddl.createTable) }
        var shape = try TableShape.read(entry.target, on: connection)
        let definitions = try entry.sources.map { source in
            let definition = try source.definition.moved(to: shape, on: connection)
            if entry.ddl == nil { try requireFree(definition, on: connection) }
            return definition
        }
        for definition in definitions where !shape.has(definition.status) {
            try connection.script(definition.ddl(for: SourceID(0)).addStatusColumn)
            shape = try TableShape.read(entry.target, on: connection)
        }
        let table = try TargetTable(shape, for: entry.origin, entry.sources)
        try entry.findings.check(
            entry.origin,
            entry.origin.columns.indices.map { place in
                table.columns.first { $0.place == place }?.form
            })
        let pairs = try zip(entry.sources, definitions).map { source, definition in
            guard let particulars = plan.particulars[source.id] else {
                preconditionFailure("every source was read with its particulars")
            }
            return SourcePair(
                origin: source,
                target: try SourceStore().insertCopy(
                    source.collection, definition, particulars, id: plan.keepsNumbers ? source.id : nil,
                    on: connection))
        }
        return TableCopy(
            entry: entry, rows: RowCopy(origin: entry.rows, table: table, target: target), pairs: pairs)
    }

    /// A table that is there must be ours to alter, and no other source's.
    private static func requireFree(_ definition: SourceDefinition, on connection: any Connection) throws {
        try TableRights(definition).requireOwner(on: connection)
        let sources = try SourceStore().all(on: connection)
        if let other = sources.first(where: { $0.definition.tableName == definition.tableName }) {
            throw TransferError(
                .occupied,
                "table \(definition.tableName) of the target is attached there as \"\(other.collection)\" already: take that source off with millrace source remove \(other.collection)"
            )
        }
    }
}
