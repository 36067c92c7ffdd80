import Core
import Synchronization
import Testing

@testable import DatabaseSQLite

/// Groups are run here without the writer's thread, so that what is in each is known.
@Suite struct GroupCommitTests {
    let file = DatabaseFile()
    let handle: SQLiteHandle
    let outcomes = Outcomes()

    final class Outcomes: Sendable {
        let told = Mutex<[String]>([])
        var all: [String] { told.withLock { $0 } }
    }

    init() throws {
        handle = try SQLiteHandle(path: file.path, role: .writer)
        try handle.requireWAL(converting: false, busyTimeout: .seconds(1))
        try handle.script(
            """
            CREATE TABLE t(a INTEGER PRIMARY KEY, b);
            CREATE TABLE child(a REFERENCES t(a) DEFERRABLE INITIALLY DEFERRED);
            """)
    }

    private func request(
        _ name: String, _ body: @escaping @Sendable (SQLiteConnection) throws -> Void
    ) -> Request {
        Request(.transaction) { [outcomes] connection in
            try body(connection)
            return { outcomes.told.withLock { $0.append("\(name) done") } }
        } fail: { [outcomes] error in
            outcomes.told.withLock { $0.append("\(name) \((error as? DatabaseError)?.code.rawValue ?? "\(error)")") }
        }
    }

    private func insert(_ name: String, _ key: Int64) -> Request {
        request(name) { try $0.run(.both("INSERT INTO t(a) VALUES (:a)"), ["a": .integer(key)]) }
    }

    /// Begins, runs the group and tells its callers. Returns what must run again, and what was left waiting.
    private func run(_ requests: [Request], limit: Duration = .seconds(1)) throws -> (undone: [Request], left: Int) {
        let group = GroupCommit(
            handle: handle, connection: SQLiteConnection(handle, writes: true), limit: limit)
        try handle.statement("BEGIN IMMEDIATE").run([:])
        var waiting = requests[...]
        let outcome = group.run(since: ContinuousClock().now) { waiting.popFirst() }
        #expect(handle.isAutocommit)
        for answer in outcome.answers { answer() }
        return (outcome.undone, waiting.count)
    }

    @Test func `bodies that arrive together share one commit`() throws {
        let watch = ChangeWatch(try SQLiteHandle(path: file.path, role: .reader(busyTimeout: .zero)))
        let before = try watch.mark()
        _ = try run([
            insert("one", 1), insert("two", 2),
            request("look") { [file] _ in
                let seen = try file.sqlite3("SELECT count(*) FROM t")
                #expect(seen == "0")
            },
        ])
        #expect(outcomes.all == ["one done", "two done", "look done"])
        #expect(try file.sqlite3("SELECT count(*) FROM t") == "2")
        #expect(try watch.mark() != before)
        watch.close()
    }

    @Test func `a body that throws is undone alone`() throws {
        struct Refused: Error {}
        _ = try run([
            insert("one", 1),
            request("half") {
                try $0.run(.both("INSERT INTO t(a) VALUES (50)"))
                throw Refused()
            },
            insert("twin", 1), insert("two", 2),
        ])
        #expect(Set(outcomes.all) == ["one done", "half Refused()", "twin constraint", "two done"])
        #expect(try file.sqlite3("SELECT group_concat(a) FROM t") == "1,2")
    }

    @Test func `a foreign key that is checked at commit fails its own body only`() throws {
        _ = try run([
            insert("one", 1), request("orphan") { try $0.run(.both("INSERT INTO child VALUES (9)")) },
            request("later parent") {
                try $0.run(.both("INSERT INTO child VALUES (2)"))
                try $0.run(.both("INSERT INTO t(a) VALUES (2)"))
            },
        ])
        #expect(Set(outcomes.all) == ["one done", "orphan constraint", "later parent done"])
        #expect(try file.sqlite3("SELECT group_concat(a) FROM child") == "2")
    }

    @Test func `a full disk fails the body that met it, and those before it run again`() throws {
        try handle.script("PRAGMA max_page_count = 20")
        let (undone, left) = try run([
            insert("one", 1),
            request("big") {
                // It swallows the error and goes on, which must not become a transaction of its own.
                _ = try? $0.run(.both("INSERT INTO t(a, b) VALUES (70, zeroblob(900000))"))
                _ = try? $0.run(.both("INSERT INTO t(a) VALUES (71)"))
            },
            insert("two", 2),
        ])
        #expect(outcomes.all == ["big full"])
        #expect(undone.count == 1 && left == 1)
        #expect(try file.sqlite3("SELECT count(*) FROM t") == "0")
        let again = try run(undone)
        #expect(again.undone.isEmpty)
        #expect(outcomes.all == ["big full", "one done"])
        #expect(try file.sqlite3("SELECT group_concat(a) FROM t") == "1")
    }

    @Test func `a trigger that rolls back ends its own body only`() throws {
        try handle.script(
            "CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.a = 13 BEGIN SELECT RAISE(ROLLBACK, 'unlucky'); END")
        let (undone, _) = try run([insert("one", 1), insert("thirteen", 13)])
        #expect(outcomes.all == ["thirteen constraint"])
        let again = try run(undone)
        #expect(again.undone.isEmpty)
        #expect(outcomes.all == ["thirteen constraint", "one done"])
    }

    @Test func `a group that has held the lock for its limit takes no more`() throws {
        let (_, left) = try run([insert("one", 1), insert("two", 2), insert("three", 3)], limit: .zero)
        #expect(left == 2)
        #expect(outcomes.all == ["one done"])
    }

    @Test func `a body that ends the transaction is a fault of the program`() async throws {
        await #expect(processExitsWith: .failure) {
            let database = try await DatabaseFile().open()
            try await database.write { try $0.script("COMMIT") }
        }
    }
}
