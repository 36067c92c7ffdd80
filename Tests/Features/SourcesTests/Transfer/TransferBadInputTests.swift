import Core
import Embedding
import TestDatabases
import Testing

@testable import Sources

/// Something in the origin that PostgreSQL cannot hold, and what is said of it.
struct Unfitting: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let schema: String
    let insert: String
    /// Parts of the sentence.
    let words: [String]

    static let all = [
        Unfitting(
            testDescription: "a text with U+0000",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, o TEXT)",
            insert: "INSERT INTO t(id, x, o) VALUES (1, 'a', 'b'), (2, 'c', 'd' || char(0) || 'e')",
            words: ["row 2 of \"t\"", "column \"o\"", "U+0000", "char(0)"]),
        Unfitting(
            testDescription: "a key with U+0000",
            schema: "CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, x TEXT, v TEXT)",
            insert: "INSERT INTO t(id, x) VALUES ('a' || char(0), 'a')", words: ["column \"id\"", "U+0000"]),
        Unfitting(
            testDescription: "a text that is not UTF-8",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, o TEXT)",
            insert: "INSERT INTO t(id, x, o) VALUES (7, 'a', CAST(x'61ff62' AS TEXT))",
            words: ["row 7 of \"t\"", "column \"o\"", "not UTF-8", "write the text anew"]),
        Unfitting(
            testDescription: "a key that is not UTF-8",
            schema: "CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, x TEXT, v TEXT)",
            insert: "INSERT INTO t(id, x) VALUES ('a', 'a'), (CAST(x'ff' AS TEXT), 'b')",
            words: ["column \"id\"", "not UTF-8"]),
        Unfitting(
            testDescription: "a number too large for an integer",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, n INTEGER)",
            insert: "INSERT INTO t(id, x, n) VALUES (1, 'a', 9223372036854775808)",
            words: ["row 1 of \"t\"", "9.223372036854776e+18", "column \"n\"", "bigint", "UPDATE \"t\" SET \"n\""]),
        Unfitting(
            testDescription: "a fraction in an integer column",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, n INT)",
            insert: "INSERT INTO t(id, x, n) VALUES (1, 'a', 1), (2, 'a', 1.5), (3, 'a', 2.5)",
            words: ["row 2 of \"t\"", "1.5", "1 more row like it", "bigint"]),
        Unfitting(
            testDescription: "a word in an integer column",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, n INT)",
            insert: "INSERT INTO t(id, x, n) VALUES (1, 'a', 'many')", words: ["'many'", "column \"n\""]),
        Unfitting(
            testDescription: "a blob in a text column",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, o TEXT)",
            insert: "INSERT INTO t(id, x, o) VALUES (1, 'a', x'0102')", words: ["a blob of 2 bytes", "text"]),
        Unfitting(
            testDescription: "a text in a blob column",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, o BLOB)",
            insert: "INSERT INTO t(id, x, o) VALUES (1, 'a', 'text')", words: ["'text'", "bytea"]),
        Unfitting(
            testDescription: "infinity in a decimal column",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, o DECIMAL(10,2))",
            insert: "INSERT INTO t(id, x, o) VALUES (1, 'a', -9e999)", words: ["-Inf", "numeric", "REAL"]),
        Unfitting(
            testDescription: "a row without a key", schema: "CREATE TABLE t(id TEXT PRIMARY KEY, x TEXT, v TEXT)",
            insert: "INSERT INTO t(id, x) VALUES ('a', 'a'), (NULL, 'b')", words: ["NULL", "\"id\"", "fill it in"]),
        Unfitting(
            testDescription: "a name that PostgreSQL keeps for itself",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, ctid TEXT)",
            insert: "INSERT INTO t(id, x) VALUES (1, 'a')", words: ["column \"ctid\"", "rename it"]),
        Unfitting(
            testDescription: "a name longer than PostgreSQL's",
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, \(String(repeating: "한", count: 22)) TEXT)",
            insert: "INSERT INTO t(id, x) VALUES (1, 'a')", words: ["66 bytes", "63"]),
    ]
}

struct TransferBadInputTests {
    @Test(arguments: Unfitting.all)
    func `a value that does not fit is named before anything is written`(_ unfitting: Unfitting) async throws {
        let move = try await Move(unfitting.schema)
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        try move.origin.shell(unfitting.insert)

        let refusal = try #require(try await transferRefusal { try await move.run() })

        #expect([.doesNotFit, .badTarget].contains(refusal.code))
        for word in unfitting.words { #expect(refusal.message.contains(word), "\(refusal.message)") }
        try await move.expectUntouched()
    }

    @Test func `what only looks broken is copied as it is`() async throws {
        let move = try await Move("CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, n INTEGER, r REAL, b BLOB)")
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        try move.origin.shell(
            """
            INSERT INTO t(id, x, n, r, b) VALUES
                (1, 'a' || char(65533) || 'b', 9223372036854775807, 9e999, x''),
                (2, char(1, 127, 128, 1114111), -9223372036854775808, -9e999, x'00'),
                (3, '\\x41 {"a"} $1 :name ''', 0, 5e-324, zeroblob(100000)), (4, '', NULL, 1.7976931348623157e308, NULL);
            """)
        try await move.origin.work()
        try move.stopWorkers()

        try await move.run()

        #expect(
            try move.target.shell("SELECT n, r, length(b) FROM t ORDER BY id")
                == """
                9223372036854775807|Infinity|0
                -9223372036854775808|-Infinity|1
                0|5e-324|100000
                |1.7976931348623157e+308|
                """)
        try await move.expectNothingToDo()
    }

    @Test func `many keys that are not UTF-8 end the copy, and not never`() async throws {
        let move = try await Move("CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, x TEXT, v TEXT)")
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        try move.origin.shell(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t(id, x) SELECT CAST(x'ff' || i AS TEXT), 'x' FROM n"
        )
        let refusal = try #require(try await transferRefusal { try await move.run() })
        #expect(refusal.code == .doesNotFit)
        #expect(
            refusal.message.contains("the keys of \"t\"") && refusal.message.contains("not UTF-8"), "\(refusal.message)"
        )
        try await move.expectUntouched()
    }

    // MARK: Places

    @Test func `an origin with nothing attached has nothing to move`() async throws {
        let move = try await Move()
        let refusal = try #require(try await transferRefusal { try await move.run() })
        #expect(refusal.code == .nothingToMove)
    }

    @Test func `a living worker, on either side, is not copied from under`() async throws {
        let move = try await Move()
        try await move.origin.attachParts()
        for shop in [move.origin, move.target] {
            let worker = try await shop.worker()
            let id = try #require(await worker.id)
            let beating = Task {
                while !Task.isCancelled {
                    _ = try await shop.database.write { try WorkerStore().beat(id, now: .now(), on: $0) }
                }
            }
            let refusal = try #require(
                try await transferRefusal { try await move.run { $0.patience = .seconds(20) } })
            #expect(refusal.code == .inUse)
            #expect(refusal.message.contains("worker test (process 1 on here)"), "\(refusal.message)")
            #expect(refusal.message.contains(shop.dialect == .sqlite ? "the origin" : "the target"))
            beating.cancel()
            _ = await beating.result
            try shop.shell("UPDATE millrace_worker SET state = 'stopped'")
        }
        try await move.run()
    }

    @Test func `a server that was heard of lately and moves no more does not stand in the way`() async throws {
        let move = try await Move()
        try await move.origin.attachParts()
        try await move.origin.database.write { connection in
            try FeedStore().follow("index@here", at: 0, now: .now(), on: connection)
        }
        try await move.run()
    }

    @Test func `a target with sources or rows of its own is not written to unasked`() async throws {
        let move = try await Move()
        try await move.origin.attachParts()
        try move.target.shell(
            "CREATE TABLE parts_master_features(id int); INSERT INTO parts_master_features VALUES (1)")
        let full = try #require(try await transferRefusal { try await move.run() })
        #expect(full.code == .occupied)
        #expect(full.message.contains("public.parts_master_features") && full.message.contains("--into-existing"))
        try move.target.shell("DROP TABLE parts_master_features; \(Workshop.parts(.postgres))")
        try await move.target.attachParts()
        let attached = try #require(try await transferRefusal { try await move.run() })
        #expect(attached.code == .occupied)
        #expect(attached.message.contains("has sources already (parts_master_features)"))
        // Nor is a collection of the same name mixed with another.
        let twin = try #require(try await transferRefusal { try await move.run { $0.intoExisting = true } })
        #expect(twin.code == .occupied && twin.message.contains("source remove"))
    }

    /// A table of the target's, and what is wrong with it.
    static let tables = [
        ("id bigint PRIMARY KEY, feature_text text, clip_text_emb text", "part_id"),
        ("id bigint PRIMARY KEY, part_id int4range, feature_text text, clip_text_emb text", "part_id"),
        ("id bigint, part_id text, feature_text text, clip_text_emb text", "id"),
        ("id bigint PRIMARY KEY, part_id text, feature_text text, clip_text_emb int", "clip_text_emb"),
    ]

    @Test(arguments: tables)
    func `a table of the target's that does not fit is refused by the column`(
        _ columns: String, _ column: String
    ) async throws {
        let move = try await Move()
        try await move.origin.attachParts()
        try move.origin.shell("INSERT INTO parts_master_features(feature_text) VALUES ('a')")
        try move.target.shell(
            "CREATE TABLE parts_master_features(\(columns), created_at timestamptz, updated_at timestamptz)")
        do {
            try await move.run()
            Issue.record("it was copied into a table that does not fit")
        } catch let error as TransferError {
            #expect(error.message.contains("\"\(column)\""), "\(error.message)")
        } catch let error as SourceError {
            #expect(error.message.contains(column), "\(error.message)")
        }
        #expect(try move.target.shell("SELECT count(*) FROM millrace_source") == "0")
        #expect(try move.target.shell("SELECT count(*) FROM parts_master_features") == "0")
    }

    @Test func `a value that the target's own table refuses is named with its row, and nothing is left`() async throws {
        let move = try await Move("CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT)")
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        try move.origin.shell(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO t(x) SELECT CASE i WHEN 250 THEN 'much too long' ELSE i END FROM n"
        )
        try move.target.shell("CREATE TABLE t(id int PRIMARY KEY, x varchar(5), v text, embedding_status text)")
        let refusal = try #require(try await transferRefusal { try await move.run() })
        #expect(refusal.code == .doesNotFit)
        #expect(refusal.message.contains("row 250 of \"t\""), "\(refusal.message)")
        #expect(try move.target.shell("SELECT count(*) FROM t") == "0")
        #expect(try move.target.shell("SELECT count(*) FROM millrace_source") == "0")
        try await TransferMark.requireNone(in: move.target.database)
        // Corrected, it goes.
        try move.origin.shell("UPDATE t SET x = 'short' WHERE id = 250")
        try await move.run()
        #expect(try move.target.shell("SELECT count(*) FROM t") == "300")
    }

    @Test func `a text that the target's own table has for a moment, and that is none, is named with its row`()
        async throws
    {
        let move = try await Move("CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, w TEXT)")
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        try move.origin.shell("INSERT INTO t(x, w) VALUES ('a', '2026-01-31'), ('b', 'soon')")
        try move.target.shell("CREATE TABLE t(id int PRIMARY KEY, x text, v text, w timestamptz)")
        let refusal = try #require(try await transferRefusal { try await move.run() })
        #expect(refusal.code == .doesNotFit)
        for word in ["row 2 of \"t\"", "column \"w\"", "timestamptz"] {
            #expect(refusal.message.contains(word), "\(refusal.message)")
        }
        #expect(try move.target.shell("SELECT count(*) FROM t") == "0")
    }

    @Test func `a number that the target's own table would round is a difference`() async throws {
        let move = try await Move("CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, n REAL)")
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        try move.origin.shell("INSERT INTO t(x, n) VALUES ('a', 0.5), ('b', 0.123)")
        try move.target.shell("CREATE TABLE t(id int PRIMARY KEY, x text, v text, n numeric(4,2))")
        let refusal = try #require(try await transferRefusal { try await move.run() })
        #expect(refusal.code == .differs)
        #expect(refusal.message.contains("column \"n\" of row 2 of public.t"), "\(refusal.message)")
        #expect(try move.target.shell("SELECT count(*) FROM t") == "0")
    }

    @Test func `a role without the right to make tables is told which grant it needs`() async throws {
        let move = try await Move()
        try await move.origin.attachParts()
        let role = "\(move.target.place.name)_reader"
        try move.target.shell(
            """
            CREATE ROLE \(role); GRANT USAGE ON SCHEMA millrace TO \(role);
            GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA millrace TO \(role);
            ALTER DATABASE \(move.target.place.name) SET role = '\(role)';
            """)
        let database = try await move.target.place.open()
        let refusal = try #require(
            try await transferRefusal { try await move.transfer(into: database).run { _ in } })
        await database.close()
        try move.target.shell(
            "SET ROLE NONE; DROP OWNED BY \(role); ALTER DATABASE \(move.target.place.name) RESET role")
        try move.target.shell("DROP ROLE \(role)")
        #expect(refusal.code == .badTarget)
        #expect(refusal.message.contains("GRANT CREATE ON SCHEMA \"public\""), "\(refusal.message)")
    }
}
