import Core
import DatabaseSQLite
import Foundation
import Testing

@Suite struct OpeningTests {
    let file = DatabaseFile()

    @Test func `a new file is in WAL mode from its first moment`() async throws {
        let database = try await file.open()
        #expect(try file.sqlite3("PRAGMA journal_mode") == "wal")
        await database.close()
    }

    @Test func `an existing rollback-journal file is left as it was without consent`() async throws {
        try file.sqlite3("CREATE TABLE t(a); INSERT INTO t VALUES (1)")
        let before = try Data(contentsOf: URL(fileURLWithPath: file.path))
        do {
            _ = try await file.open()
            Issue.record("it was opened")
        } catch let error as DatabaseError {
            #expect(error.code == .notWAL)
            #expect(error.message.contains("--wal"))
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: file.path)) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: file.folder) == ["parts.db"])
    }

    @Test func `with consent it is turned to WAL and keeps its rows`() async throws {
        try file.sqlite3("CREATE TABLE t(a); INSERT INTO t VALUES (1)")
        let database = try await file.open { $0.convertsToWAL = true }
        #expect(try await database.read { try $0.rows(.both("SELECT a FROM t")) } == [Row([1])])
        await database.close()
        #expect(try file.sqlite3("PRAGMA journal_mode") == "wal")
    }

    @Test func `a file of another kind is refused as no database`() async throws {
        try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: file.path))
        #expect(await code { try await file.open() } == .corrupt)
    }

    @Test func `a missing folder is named`() async throws {
        do {
            _ = try await SQLiteDatabase.open(path: file.folder + "/none/parts.db", logger: .quiet)
            Issue.record("it was opened")
        } catch {
            #expect(error.code == .cannotOpen)
            #expect(error.message.contains("create \(file.folder)/none"))
        }
    }

    @Test func `a missing file is created only when asked`() async throws {
        #expect(await code { try await file.open { $0.createsFile = false } } == .cannotOpen)
        #expect(!FileManager.default.fileExists(atPath: file.path))
    }

    @Test func `a folder is no database`() async throws {
        #expect(await code { try await SQLiteDatabase.open(path: file.folder, logger: .quiet) } == .cannotOpen)
    }

    @Test func `a file that may only be read is refused with the fix`() async throws {
        try file.sqlite3("PRAGMA journal_mode = WAL; CREATE TABLE t(a)")
        chmod(file.path, 0o444)
        chmod(file.folder, 0o755)
        // Root reads and writes everything, so a child gives its rights away first.
        await #expect(processExitsWith: .success) { [path = file.path as String] in
            if geteuid() == 0 { precondition(setgid(65_534) == 0 && setuid(65_534) == 0) }
            let found = await code { try await SQLiteDatabase.open(path: path, logger: .quiet) }
            // Without the folder's rights the log cannot be made either, which the library meets first.
            exit(found == .readOnly || found == .cannotOpen ? 0 : 1)
        }
    }

    @Test func `a folder without the right to write is refused when the turn is to be made`() async throws {
        try file.sqlite3("CREATE TABLE t(a)")
        chmod(file.path, 0o666)
        chmod(file.folder, 0o555)
        await #expect(processExitsWith: .success) { [path = file.path as String] in
            if geteuid() == 0 { precondition(setgid(65_534) == 0 && setuid(65_534) == 0) }
            var options = SQLiteDatabase.Options()
            options.convertsToWAL = true
            let found = await code {
                try await SQLiteDatabase.open(path: path, options: options, logger: .quiet)
            }
            exit(found == .readOnly || found == .cannotOpen ? 0 : 1)
        }
        chmod(file.folder, 0o755)
    }

    @Test func `the turn's file has the rights of the database`() async throws {
        try file.sqlite3("PRAGMA journal_mode = WAL; CREATE TABLE t(a)")
        chmod(file.path, 0o600)
        let database = try await file.open()
        var attributes = stat()
        #expect(stat(file.path + "-millrace-turn", &attributes) == 0)
        #expect(attributes.st_mode & 0o777 == 0o600)
        await database.close()
    }

    @Test func `a symbolic link leads to the same file and the same turn`() async throws {
        let database = try await file.open()
        let link = file.folder + "/link.db"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file.path)
        let other = try await SQLiteDatabase.open(path: link, logger: .quiet)
        #expect(other.file == database.file)
        await other.close()
        await database.close()
    }

    @Test func `a text in double quotes is not taken for a string`() async throws {
        let database = try await file.open()
        #expect(await code { try await database.read { try $0.rows(.both(#"SELECT "oops""#)) } } == .noSuchObject)
        await database.close()
    }

    @Test func `settings of the connection do not stay in the user's file`() async throws {
        let pragmas = "PRAGMA foreign_keys; PRAGMA recursive_triggers; PRAGMA temp_store; PRAGMA synchronous"
        try file.sqlite3("PRAGMA journal_mode = WAL; CREATE TABLE t(a)")
        let before = try file.sqlite3(pragmas)
        let database = try await file.open()
        try await database.write { try $0.run(.both("INSERT INTO t VALUES (1)")) }
        #expect(try await database.read { try $0.rows(.both("PRAGMA recursive_triggers")) } == [Row([0])])
        #expect(try await database.read { try $0.rows(.both("PRAGMA foreign_keys")) } == [Row([1])])
        await database.close()
        #expect(try file.sqlite3(pragmas) == before)
    }

    @Test func `after closing every call says closed, and the log is gone`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        await database.close()
        await database.close()
        #expect(await code { try await database.write { try $0.script("DROP TABLE t") } } == .closed)
        #expect(await code { try await database.read { try $0.rows(.both("SELECT 1")) } } == .closed)
        #expect(await code { try await database.changeMark() } == .closed)
        #expect(!FileManager.default.fileExists(atPath: file.path + "-wal"))
    }
}
