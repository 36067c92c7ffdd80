package import Core
import FoundationEssentials

/// The mark that a database bears for as long as a copy into it is not finished. Whoever opens the database looks for
/// it, so that half of an installation is never taken for a whole one.
package struct TransferMark: Codable, Hashable, Sendable {
    /// The `database_id` of where the copy comes from.
    package let origin: String
    /// That file's path, for people.
    package let place: String
    /// The one copy that is under way, so that another one into the same database cannot pass for it.
    let run: String
    /// What the copy made, to be taken away where it is begun anew.
    var madeTables: [MarkedTable]
    /// Tables that were there, empty.
    var filledTables: [MarkedTable]
    var sources: [Int64]

    struct MarkedTable: Codable, Hashable, Sendable {
        let schema: String
        let name: String

        init(_ table: TableName) {
            schema = table.schema ?? ""
            name = table.name
        }

        var table: TableName { TableName(schema: schema, name) }
    }

    private static let name = "copy"

    /// The database's mark, nil where no copy into it is under way.
    package static func read(on connection: any Connection) throws -> TransferMark? {
        let row = try connection.row(
            .both("SELECT value FROM \(Table.meta) WHERE name = :name"), ["name": .text(name)])
        return try row.map { try JSONDecoder().decode(TransferMark.self, from: Data($0.text(0).utf8)) }
    }

    /// - Throws: ``TransferError/Code/inUse`` where there is one already.
    func write(on connection: any Connection) throws {
        let text = String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
        let count = try connection.run(
            .both("INSERT INTO \(Table.meta)(name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING"),
            ["name": .text(Self.name), "value": .text(text)])
        guard count == 1 else { throw Self.rivalled }
    }

    /// - Throws: ``TransferError/Code/inUse`` where the database no longer bears the mark of `run`.
    static func require(_ run: String, on connection: any Connection) throws {
        guard try read(on: connection)?.run == run else { throw rivalled }
    }

    static let rivalled = TransferError(
        .inUse,
        "another millrace db copy into the target began meanwhile, which voids this one: wait for its end, or run one copy alone"
    )

    static func remove(on connection: any Connection) throws(DatabaseError) {
        try connection.run(.both("DELETE FROM \(Table.meta) WHERE name = :name"), ["name": .text(name)])
    }

    /// Refuses a database that a copy into was begun and not finished.
    package static func requireNone(in database: any Database) async throws {
        guard database.dialect == .postgres, let mark = try await database.read({ try read(on: $0) }) else { return }
        throw TransferError(
            .unfinished,
            "this database holds a copy of \(mark.place) that was not finished: run millrace db copy again, which begins anew, and start nothing here before it says that it is done"
        )
    }
}

extension TransferMark {
    /// Takes away what the unfinished copy has written, so that another can begin; the mark comes last.
    func undo(in database: any Database) async throws {
        // What may be much is taken away outside of transactions, where no limit of time ends it.
        if !sources.isEmpty {
            let list = sources.map(String.init).joined(separator: ", ")
            for table in [Table.embedding, .job, .deadJob] {
                try await database.runAlone("DELETE FROM \(table.name(in: .postgres)) WHERE source_id IN (\(list))")
            }
        }
        for filled in filledTables {
            let place = try await database.read { connection in try Partitions.place(of: filled.table, on: connection) }
            if place != nil { try await database.runAlone("DELETE FROM \(filled.table.quoted)") }
        }
        try await database.write { connection in try undo(on: connection) }
    }

    private func undo(on connection: any Connection) throws {
        try TableLock.wait(for: .seconds(10), on: connection)
        for id in sources {
            guard let source = try SourceStore().find(SourceID(id), on: connection) else { continue }
            try connection.script(source.ddl.dropObjects)
            try SourceStore().delete(source.id, on: connection)
        }
        for made in madeTables { try connection.script("DROP TABLE IF EXISTS \(made.table.quoted) CASCADE") }
        try Self.remove(on: connection)
    }
}
