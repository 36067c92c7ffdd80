import Core
import DatabaseSQLite
import Foundation
import Logging

/// A migrated database file in a folder of its own, removed with it.
final class DatabaseFile: Sendable {
    let folder: String
    var path: String { folder + "/parts.db" }

    init() {
        var template = Array((NSTemporaryDirectory() + "/millrace-stores-XXXXXX").utf8CString)
        folder = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// One more program's connections, with the sources 1 and 2 to hang jobs on. Nothing here survives a power cut.
    func open() async throws -> SQLiteDatabase {
        var options = SQLiteDatabase.Options()
        options.isDurable = false
        let database = try await SQLiteDatabase.open(path: path, options: options, logger: .quiet)
        try await database.migrate()
        try await database.write { connection in
            for source in Int64(1)...2 {
                try connection.run(
                    .both(
                        """
                        INSERT INTO \(Table.source)(id, collection, table_name, definition, model, state, created_at)
                        VALUES (:id, 'parts' || :id, 'parts', '{}', 'tiny', 'active', 0) ON CONFLICT (id) DO NOTHING
                        """), ["id": .integer(source)])
            }
        }
        return database
    }
}

extension Logger {
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
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
        try run(Wish.statement, ["source": Value(source), "key": .text(key.literal)])
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
