import Core
import Foundation
import Testing

@testable import DatabaseSQLite

/// Several instances and several programs on one file.
@Suite(.serialized) struct SharingTests {
    let file = DatabaseFile()

    @Test func `only one has the turn at a time`() throws {
        let one = try Turnstile(beside: file.path)
        let two = try Turnstile(beside: file.path)
        #expect(one.take())
        #expect(!two.take())
        one.release()
        #expect(two.take())
        #expect(!one.take())
        two.release()
    }

    @Test func `a process that dies gives its turn back`() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = file.path as String] in
            let turn = try Turnstile(beside: path)
            precondition(turn.take())
            kill(getpid(), SIGKILL)
        }
        #expect(try Turnstile(beside: file.path).take())
    }

    @Test func `a stopped holder of the turn is passed by after a while`() async throws {
        let stopped = try Turnstile(beside: file.path)
        let database = try await file.open()
        #expect(stopped.take())
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        try await database.write { try $0.run(.both("INSERT INTO t VALUES (1)")) }
        #expect(try file.sqlite3("SELECT a FROM t") == "1")
        await database.close()
        stopped.release()
    }

    @Test func `the schema is made once although two begin at once`() async throws {
        let (one, two) = (try await file.open(), try await file.open())
        async let first = one.migrate()
        async let second = two.migrate()
        let names = try await [first, second]
        #expect(names.contains(Migration.all.map(\.name)) && names.contains([]))
        await one.close()
        await two.close()
    }

    @Test func `a schema of a newer program is refused`() async throws {
        let database = try await file.open()
        let newer = Migration(version: 9_999, name: "later", sqlite: "CREATE TABLE later(a)", postgres: "")
        try await database.migrate(Migration.all + [newer])
        #expect(await code { try await database.migrate() } == .newerVersion)
        await database.close()
    }

    @Test func `kill -9 in the middle of a transaction leaves nothing half done`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a); INSERT INTO t VALUES ('before')") }
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = file.path as String] in
            let database = try await SQLiteDatabase.open(path: path, logger: .quiet)
            try await database.write { try $0.run(.both("INSERT INTO t VALUES ('answered')")) }
            try await database.write { connection in
                // More than the cache holds, so that some of it is in the log already.
                for _ in 0..<40 { try connection.run(.both("INSERT INTO t VALUES (zeroblob(1000000))")) }
                kill(getpid(), SIGKILL)
            }
        }
        #expect(
            try await database.read { try $0.rows(.both("SELECT a FROM t")) } == [Row(["before"]), Row(["answered"])])
        #expect(try await database.integrityCheck() == [])
        try await database.write { try $0.run(.both("INSERT INTO t VALUES ('after')")) }
        #expect(try file.sqlite3("SELECT count(*) FROM t") == "3")
        await database.close()
    }

    @Test func `a user's program keeps its pace beside two busy writers`() async throws {
        let (one, two) = (try await file.open(), try await file.open())
        try await one.write { try $0.script("CREATE TABLE t(a, b, c); CREATE TABLE u(a)") }
        let alone = try await Pace.measured(on: file.path)
        let writers = [one, two].map { database in
            Task {
                let batch: [Parameters] = (0..<256).map { ["a": Value($0), "b": "a part", "c": 1.5.value] }
                while !Task.isCancelled {
                    try await database.write { try $0.runMany(.both("INSERT INTO t VALUES (:a, :b, :c)"), batch) }
                }
            }
        }
        let beside = try await Pace.measured(on: file.path)
        for writer in writers {
            writer.cancel()
            _ = await writer.result
        }
        // The figures of a quiet machine are far better; this only proves that nobody is shut out.
        #expect(beside.commits * 3 >= alone.commits, "\(alone.commits) commits alone, \(beside.commits) beside")
        #expect(beside.worst < 1, "\(beside.worst) s for one commit")
        await one.close()
        await two.close()
    }

    /// A Python program that commits a row every 10 ms for two seconds.
    private struct Pace {
        var commits: Int
        var worst: Double

        static func measured(on path: String) async throws -> Pace {
            let program = try Program(
                "python3",
                [
                    "-c",
                    """
                    import sqlite3, sys, time
                    c = sqlite3.connect(sys.argv[1], isolation_level=None)
                    end, n, worst = time.monotonic() + 2, 0, 0
                    while time.monotonic() < end:
                        start = time.monotonic()
                        c.execute('INSERT INTO u VALUES (1)')
                        n, worst = n + 1, max(worst, time.monotonic() - start)
                        time.sleep(0.01)
                    print(n, worst)
                    """, path,
                ])
            let words = try await program.finished().split(separator: " ")
            guard words.count == 2, let commits = Int(words[0]), let worst = Double(words[1]) else {
                throw DatabaseError(.other, "the program said \(words)")
            }
            return Pace(commits: commits, worst: worst)
        }
    }
}

extension Double {
    fileprivate var value: Value { .real(self) }
}
