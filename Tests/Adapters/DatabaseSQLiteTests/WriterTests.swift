import Core
import DatabaseSQLite
import Foundation
import Testing

@Suite struct WriterTests {
    let file = DatabaseFile()

    @Test func `a write is committed when it returns, and its error is the body's own`() async throws {
        struct Refused: Error, Equatable {}
        let database = try await file.open()
        let answer = try await database.write { connection in
            try connection.script("CREATE TABLE t(a); INSERT INTO t VALUES (1)")
            return "made"
        }
        #expect(answer == "made")
        #expect(try file.sqlite3("SELECT a FROM t") == "1")
        await #expect(throws: Refused()) {
            try await database.write { connection in
                try connection.run(.both("DELETE FROM t"))
                throw Refused()
            }
        }
        #expect(try file.sqlite3("SELECT a FROM t") == "1")
        await database.close()
    }

    @Test func `many writers at once all succeed`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    _ = try await database.write { connection in
                        try connection.run(.both("INSERT INTO t VALUES (:a)"), ["a": Value(number)])
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try file.sqlite3("SELECT count(DISTINCT a) FROM t") == "200")
        await database.close()
    }

    @Test func `a write cancelled while it waits does not happen`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        let (inside, goOn) = (Signal(), Signal())
        let first = Task {
            try await database.write { _ in
                inside.send()
                goOn.wait()
            }
        }
        await inside.received()
        let second = Task { try await database.write { try $0.run(.both("INSERT INTO t VALUES (1)")) } }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        goOn.send()
        try await first.value
        #expect(try file.sqlite3("SELECT count(*) FROM t") == "0")
        await database.close()
    }

    @Test func `a lock that another program keeps is reported as busy, and the next write works`() async throws {
        let database = try await file.open { $0.busyTimeout = .milliseconds(200) }
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        let holder = try Program(
            "python3",
            [
                "-c",
                """
                import sqlite3, sys, time
                c = sqlite3.connect(sys.argv[1], isolation_level=None)
                c.execute('BEGIN IMMEDIATE'); c.execute('INSERT INTO t VALUES (1)')
                print('locked', flush=True)
                time.sleep(3600)
                """, file.path,
            ])
        #expect(holder.line() == "locked")
        let insert = SQL.both("INSERT INTO t VALUES (2)")
        #expect(await code { try await database.write { try $0.run(insert) } } == .busy)
        // Readers are not held up, and see nothing of what is not committed.
        #expect(try await database.read { try $0.rows(.both("SELECT a FROM t")) } == [])
        holder.kill()
        try await database.write { try $0.run(insert) }
        #expect(try file.sqlite3("SELECT a FROM t") == "2")
        await database.close()
    }

    @Test func `a full disk is reported, and later writes work again`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a); PRAGMA max_page_count = 20") }
        do {
            try await database.write { try $0.run(.both("INSERT INTO t VALUES (zeroblob(900000))")) }
            Issue.record("it fitted")
        } catch let error as DatabaseError {
            #expect(error.code == .full)
            #expect(error.isRetryable)
        }
        try await database.write { try $0.run(.both("INSERT INTO t VALUES (1)")) }
        #expect(try file.sqlite3("SELECT a FROM t; PRAGMA integrity_check") == "1\nok")
        await database.close()
    }

    @Test func `the log is emptied when idle and refused at once when a reader is in the way`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(100000))") }
        let (inside, goOn) = (Signal(), Signal())
        let reader = Task {
            try await database.read { connection in
                _ = try connection.rows(.both("SELECT count(*) FROM t"))
                inside.send()
                goOn.wait()
            }
        }
        await inside.received()
        try await database.write { try $0.run(.both("INSERT INTO t VALUES (1)")) }
        #expect(try await database.truncateWAL() == false)
        goOn.send()
        try await reader.value
        #expect(try await database.truncateWAL())
        let log = try FileManager.default.attributesOfItem(atPath: file.path + "-wal")[.size] as? Int
        #expect(log == 0)
        await database.close()
    }

    @Test func `the log stays short under load`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        for _ in 0..<40 {
            try await database.write { try $0.run(.both("INSERT INTO t VALUES (zeroblob(200000))")) }
        }
        let log = try FileManager.default.attributesOfItem(atPath: file.path + "-wal")[.size] as? Int
        // 8 MB were written; the log is reused from its start once its pages are in the file.
        #expect(log! < 4_096 * 1_000)
        await database.close()
    }
}
