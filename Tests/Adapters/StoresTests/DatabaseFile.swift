import Core
import Foundation
import TestDatabases

extension TestDatabase {
    /// One more program's connections, with the sources 1 and 2 to hang jobs on.
    func program() async throws -> any Database {
        let database = try await open()
        try await database.migrate()
        try await database.write { connection in
            for source in Int64(1)...2 {
                try connection.run(
                    .both(
                        """
                        INSERT INTO \(Table.source)(id, collection, table_name, definition, model, state, created_at)
                        VALUES (:id, :collection, 'parts', '{}', 'tiny', 'active', 0) ON CONFLICT (id) DO NOTHING
                        """), ["id": .integer(source), "collection": .text("parts\(source)")])
            }
        }
        return database
    }
}

/// Runs `body` in one transaction on a new database.
func onTables(_ dialect: Dialect, _ body: @escaping @Sendable (any Connection) throws -> Void) async throws {
    let place = try await TestDatabase(dialect)
    let database = try await place.program()
    try await database.write { try body($0) }
    await database.close()
}

/// A user's program: the sqlite3 shell, told line by line what to do.
final class Shell {
    private let process = Process()
    private let (input, output) = (Pipe(), Pipe())

    init(_ path: String) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sqlite3", path]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// Returns when the shell has done it.
    func tell(_ sql: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((sql + ";\n.print done\n").utf8))
        while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first, byte != 10 {}
    }

    func end() throws {
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}

/// Passes everything on and remembers the statements.
final class Recorder: Connection {
    struct Statement: Hashable, Sendable {
        let text: String
        let parameters: Parameters
    }

    private let connection: any Connection
    private(set) var statements: [Statement] = []

    init(_ connection: any Connection) { self.connection = connection }

    var dialect: Dialect { connection.dialect }

    private func note(_ statement: SQL, _ parameters: Parameters) {
        let text = statement.text(for: dialect)
        if !statements.contains(where: { $0.text == text }) {
            statements.append(Statement(text: text, parameters: parameters))
        }
    }

    func run(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> Int {
        note(statement, parameters)
        return try connection.run(statement, parameters)
    }

    func runMany(_ statement: SQL, _ batch: [Parameters]) throws(DatabaseError) -> [Int] {
        if let parameters = batch.first { note(statement, parameters) }
        return try connection.runMany(statement, batch)
    }

    func rows(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> [Row] {
        note(statement, parameters)
        return try connection.rows(statement, parameters)
    }

    func script(_ text: String) throws(DatabaseError) { try connection.script(text) }

    func attempt<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        try connection.attempt(body)
    }

    func notify() { connection.notify() }
}

extension Connection {
    /// A wish for a row, in the words of the trigger.
    func want(_ key: Key, of source: SourceID = SourceID(1)) throws {
        try run(Wish.statement(dialect), ["source": Value(source), "key": .text(key.literal)])
    }

    /// A living worker.
    func worker(_ name: String = "w") throws -> WorkerID {
        try WorkerStore().register(
            WorkerStore.Introduction(name: name, host: "host", pid: 7), now: Timestamp(microseconds: 1000), on: self)
    }

    func count(_ table: Table) throws -> Int64 {
        try row(.both("SELECT COUNT(*) FROM \(table)"))?.integer(0) ?? 0
    }
}
