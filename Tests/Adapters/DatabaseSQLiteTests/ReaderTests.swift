import Core
import DatabaseSQLite
import Foundation
import Synchronization
import Testing

@Suite struct ReaderTests {
    let file = DatabaseFile()
    let count = SQL.both("SELECT count(*) FROM t")

    @Test func `every statement of a read sees the same state, whatever is written meanwhile`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        let (inside, goOn) = (Signal(), Signal())
        let reader = Task { [count] in
            try await database.read { connection in
                let before = try connection.rows(count)
                inside.send()
                goOn.wait()
                return (before, try connection.rows(count))
            }
        }
        await inside.received()
        try await database.write { try $0.run(.both("INSERT INTO t VALUES (1)")) }
        try file.sqlite3("INSERT INTO t VALUES (2)")
        goOn.send()
        let (before, after) = try await reader.value
        #expect(before == [Row([0])] && after == before)
        let later = try await database.read { [count] in try $0.rows(count) }
        #expect(later == [Row([2])])
        await database.close()
    }

    @Test func `reads run beside each other`() async throws {
        let database = try await file.open { $0.readers = 2 }
        let (first, second) = (Signal(), Signal())
        async let one: Void = database.read { _ in
            first.send()
            second.wait()
        }
        async let two: Void = database.read { _ in
            second.send()
            first.wait()
        }
        _ = try await (one, two)
        await database.close()
    }

    @Test func `a read that throws leaves its connection usable`() async throws {
        let database = try await file.open { $0.readers = 1 }
        #expect(await code { try await database.read { try $0.rows(.both("SELECT * FROM none")) } } == .noSuchObject)
        #expect(try await database.read { try $0.rows(.both("SELECT 1")) } == [Row([1])])
        await database.close()
    }

    @Test func `a slow read is logged with its statement`() async throws {
        let record = LogRecord()
        let database = try await file.open(logger: record.logger) { $0.slowRead = .zero }
        _ = try await database.read { try $0.rows(.both("SELECT 42")) }
        await database.close()
        #expect(record.lines.withLock { $0 }.contains { $0.hasPrefix("warning") && $0.hasSuffix("SELECT 42") })
    }

    @Test func `the change mark moves with every commit, whoever made it, and stands still otherwise`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        let first = try await database.changeMark()
        #expect(try await database.changeMark() == first)
        _ = try await database.read { [count] in try $0.rows(count) }
        #expect(try await database.changeMark() == first)
        try await database.write { try $0.run(.both("INSERT INTO t VALUES (1)")) }
        let second = try await database.changeMark()
        #expect(second != first)
        try file.sqlite3("INSERT INTO t VALUES (2)")
        #expect(try await database.changeMark() != second)
        await database.close()
    }

    @Test func `the integrity check finds nothing in a sound file and names an orphan`() async throws {
        let database = try await file.open()
        try await database.write {
            try $0.script("CREATE TABLE parent(a PRIMARY KEY); CREATE TABLE child(a REFERENCES parent(a))")
        }
        #expect(try await database.integrityCheck() == [])
        try file.sqlite3("INSERT INTO child VALUES (5)")
        #expect(try await database.integrityCheck() == ["row 1 of child refers to a row of parent that is not there"])
        await database.close()
    }
}
