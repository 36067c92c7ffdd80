import Core
import DatabaseSQLite
import Foundation
import Testing

@Suite struct StatementTests {
    let file = DatabaseFile()

    @Test(arguments: [
        Value.null, .integer(.min), .integer(.max), .real(-0.1), .text(""), .text("나사 M8 🔩\u{0}x"), .blob([]),
        .blob([0, 255, 7]),
    ])
    func `a value comes back as it was bound`(_ value: Value) async throws {
        let database = try await file.open()
        let found = try await database.read { try $0.row(.both("SELECT :value, typeof(:value)"), ["value": value]) }
        #expect(found?[0] == value)
        await database.close()
    }

    @Test func `run counts the rows of the statement and not those of triggers`() async throws {
        let database = try await file.open()
        let counts = try await database.write { connection in
            try connection.script(
                """
                CREATE TABLE t(a); CREATE TABLE log(a);
                CREATE TRIGGER logged AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (1), (2); END;
                INSERT INTO t VALUES (1), (2), (3);
                """)
            return [
                try connection.run(.both("UPDATE t SET a = a + 1 WHERE a > :a"), ["a": 1]),
                try connection.run(.both("UPDATE t SET a = 0 WHERE a > 99")),
                try connection.run(.both("CREATE TABLE other(a)")),
                try connection.run(.both("DELETE FROM t")),
            ]
        }
        #expect(counts == [2, 0, 0, 3])
        await database.close()
    }

    @Test func `runMany answers per element`() async throws {
        let database = try await file.open()
        let counts = try await database.write { connection in
            try connection.script("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1)")
            return try connection.runMany(
                .both("INSERT OR IGNORE INTO t VALUES (:a)"), [["a": 1], ["a": 2], ["a": 2], ["a": 3]])
        }
        #expect(counts == [0, 1, 0, 1])
        #expect(try await database.write { try $0.runMany(.both("DELETE FROM t"), []) } == [])
        await database.close()
    }

    @Test func `a writing statement may return rows`() async throws {
        let database = try await file.open()
        let rows = try await database.write { connection in
            try connection.script("CREATE TABLE t(id INTEGER PRIMARY KEY, a)")
            return try connection.rows(.both("INSERT INTO t(a) VALUES (:a) RETURNING id, a"), ["a": "x"])
        }
        #expect(rows == [Row([1, "x"])])
        #expect(try file.sqlite3("SELECT count(*) FROM t") == "1")
        await database.close()
    }

    @Test func `a reader refuses to write, however it is asked`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        #expect(await code { try await database.read { try $0.run(.both("DELETE FROM t")) } } == .readOnly)
        #expect(await code { try await database.read { try $0.runMany(.both("DELETE FROM t"), [[:]]) } } == .readOnly)
        #expect(await code { try await database.read { try $0.script("DELETE FROM t") } } == .readOnly)
        #expect(
            await code { try await database.read { try $0.rows(.both("DELETE FROM t RETURNING a")) } } == .readOnly)
        await database.close()
    }

    @Test(arguments: [
        ("SELECT * FROM none", DatabaseError.Code.noSuchObject), ("SELECT none FROM t", .noSuchObject),
        ("INSERT INTO t(none) VALUES (1)", .noSuchObject), ("DROP INDEX none", .noSuchObject),
        ("INSERT INTO t(a) VALUES (NULL)", .constraint), ("INSERT INTO t(a) VALUES (1)", .constraint),
        ("INSERT INTO t(a) VALUES (-1)", .constraint), ("INSERT INTO child VALUES (9)", .constraint),
        ("SELEC 1", .other),
    ])
    func `a statement that fails says why`(_ text: String, _ expected: DatabaseError.Code) async throws {
        let database = try await file.open()
        try await database.write {
            try $0.script(
                """
                CREATE TABLE t(a INTEGER NOT NULL UNIQUE CHECK (a > 0)); INSERT INTO t VALUES (1);
                CREATE TABLE child(a REFERENCES t(a));
                """)
        }
        do {
            _ = try await database.write { try $0.rows(.both(SQLText(text))) }
            Issue.record("it succeeded")
        } catch let error as DatabaseError {
            #expect(error.code == expected)
            #expect(error.message.contains("parts.db"))
            #expect(error.statement == text)
            #expect(!error.isRetryable)
        }
        await database.close()
    }

    @Test func `a value that the statement does not name is a fault of the program`() async throws {
        await #expect(processExitsWith: .failure) {
            let database = try await DatabaseFile().open()
            _ = try await database.read { try $0.rows(.both("SELECT :a"), ["a": 1, "b": 2]) }
        }
    }

    @Test func `a statement is compiled anew after the schema has changed under it`() async throws {
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a); INSERT INTO t VALUES (1)") }
        let all = SQL.both("SELECT * FROM t")
        for _ in 0..<8 { #expect(try await database.read { try $0.row(all)?.count } == 1) }
        try file.sqlite3("ALTER TABLE t ADD COLUMN b DEFAULT 2")
        for _ in 0..<8 { #expect(try await database.read { try $0.row(all) } == Row([1, 2])) }
        await database.close()
    }
}
