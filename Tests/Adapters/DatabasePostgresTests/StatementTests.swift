import Core
import DatabasePostgres
import TestDatabases
import Testing

struct StatementTests {
    static let values: [(String, Value, Value)] = [
        ("bigint", .integer(.min), .integer(.min)), ("integer", -7, -7), ("smallint", 7, 7),
        ("oid", 4_000_000_000, 4_000_000_000),
        ("boolean", 1, 1), ("boolean", 0, 0), ("boolean", "true", 1), ("text", "", ""),
        ("text", "한글 'q' \\ \n", "한글 'q' \\ \n"),
        ("varchar(3)", "abc", "abc"), ("char(3)", "a", "a  "), ("double precision", .real(0.1), .real(0.1)),
        ("double precision", .real(-.infinity), .real(-.infinity)), ("double precision", 3, .real(3)),
        ("real", .real(0.5), .real(0.5)), ("bytea", .blob([]), .blob([])),
        ("bytea", .blob([0, 255, 0x5C, 39]), .blob([0, 255, 0x5C, 39])),
        ("bytea", nil, nil), ("text", nil, nil), ("numeric", "12.50", "12.50"), ("numeric", 12, "12"),
        ("uuid", "8F14E45F-CEEA-467F-A0E6-A1B2C3D4E5F6", "8f14e45f-ceea-467f-a0e6-a1b2c3d4e5f6"),
        ("jsonb", "{\"a\": [1]}", "{\"a\": [1]}"), ("json", "[1,  2]", "[1,  2]"), ("real[]", "{1,0.5}", "{1,0.5}"),
        ("timestamptz", "2026-01-02 03:04:05.678+09", "2026-01-01 18:04:05.678+00"),
        ("date", "2026-01-02", "2026-01-02"),
        ("\"char\"", "x", "x"), ("name", "n", "n"),
    ]

    @Test(arguments: [true, false])
    func `values of every type come back, prepared or not`(isPrepared: Bool) async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) { $0.preparesStatements = isPrepared }
        for (type, given, wanted) in Self.values {
            // Twice, since the second run uses the statement that the first has prepared.
            for _ in 0..<2 {
                let row = try await database.write { connection throws in
                    try connection.row(.both("SELECT CAST(:v AS \(type)), 'beside', NULL"), ["v": given])
                }
                #expect(row == Row([wanted, "beside", nil]), "\(type)")
            }
        }
        await database.close()
    }

    @Test func `a key is compared with a column of any type, without a cast`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.open()
        try await database.write { connection throws in
            try connection.script(
                """
                CREATE TABLE t(u uuid, d date, n numeric);
                INSERT INTO t VALUES ('8f14e45f-ceea-467f-a0e6-a1b2c3d4e5f6', '2026-01-02', 4.50)
                """)
            let found = try connection.value(
                "SELECT 1 FROM t WHERE u = :u AND d = :d AND n = :n",
                ["u": "8F14E45F-CEEA-467F-A0E6-A1B2C3D4E5F6", "d": "2026-01-02", "n": "4.5"])
            #expect(found == 1)
            let refused = #expect(throws: DatabaseError.self) {
                try connection.attempt { try connection.value("SELECT 1 FROM t WHERE u = :u", ["u": "no uuid"]) }
            }
            #expect(refused?.code == .constraint)
        }
        await database.close()
    }

    @Test(arguments: [
        ("SELECT * FROM none", DatabaseError.Code.noSuchObject), ("SELECT none FROM t", .noSuchObject),
        ("SELECT missing()", .noSuchObject), ("INSERT INTO none.t VALUES (1)", .noSuchObject),
        ("DROP INDEX none", .noSuchObject),
        ("INSERT INTO t VALUES (NULL)", .constraint), ("INSERT INTO t VALUES (1)", .constraint),
        ("INSERT INTO t VALUES (-1)", .constraint), ("INSERT INTO child VALUES (9)", .constraint),
        ("SELECT 1 / 0", .constraint), ("SELEC 1", .other),
        ("DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100''; END'", .full),
        ("DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''XX001''; END'", .corrupt),
        ("DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53200''; END'", .io),
    ])
    func `a statement that fails says why`(_ text: String, _ expected: DatabaseError.Code) async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.open()
        try await database.write {
            try $0.script(
                """
                CREATE TABLE t(a bigint NOT NULL UNIQUE CHECK (a > 0)); INSERT INTO t VALUES (1);
                CREATE TABLE child(a bigint REFERENCES t(a));
                """)
        }
        let error = await refusal { try await database.write { try $0.rows(.both(SQLText(text))) } }
        #expect(error?.code == expected)
        #expect(error?.message.contains("/\(place.name)") == true)
        #expect(error?.statement == text)
        await database.close()
    }

    @Test func `many runs of one statement take one round trip and tell what each changed`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.open()
        try await database.write { try $0.script("CREATE TABLE t(a bigint PRIMARY KEY, b bytea)") }
        // More than the socket's buffers hold, both ways.
        let insert = SQL.both("INSERT INTO t VALUES (:a, :b) RETURNING b")
        let bytes = Value.blob([UInt8](repeating: 0xAB, count: 20_000))
        try await database.write { connection throws in
            let counts = try connection.runMany(insert, (0..<1200).map { ["b": bytes, "a": .integer($0)] })
            #expect(counts == Array(repeating: 1, count: 1200))
            let deleted = try connection.runMany(
                .both("DELETE FROM t WHERE a BETWEEN :from AND :to"),
                [["from": 0, "to": 9], ["from": 5000, "to": 6000], ["from": 0, "to": 10]])
            #expect(deleted == [10, 0, 1])
            #expect(try connection.runMany(insert, []) == [])
        }
        #expect(try await database.value("SELECT count(*) FROM t") == 1189)
        await database.close()
    }

    @Test func `of many runs the one that fails is told, and none of them is kept`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.open()
        try await database.write { try $0.script("CREATE TABLE t(a bigint PRIMARY KEY)") }
        let insert = SQL.both("INSERT INTO t VALUES (:a)")
        let error = await refusal {
            try await database.write { try $0.runMany(insert, [["a": 1], ["a": 1], ["a": "no number"]]) }
        }
        #expect(error?.code == .constraint)
        #expect(error?.message.contains("duplicate") == true)
        try await database.write { connection throws in
            #expect(throws: DatabaseError.self) {
                try connection.attempt { try connection.runMany(insert, [["a": 2], ["a": 2]]) }
            }
            #expect(try connection.runMany(insert, [["a": 3]]) == [1])
        }
        #expect(try await database.value("SELECT sum(a)::bigint FROM t") == 3)
        await database.close()
    }

    @Test func `only what a statement changed itself is counted`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.open()
        try await database.write { connection throws in
            #expect(try connection.run(.both("CREATE TABLE t(a bigint)")) == 0)
            #expect(try connection.run(.both("SELECT generate_series(1, 9)")) == 0)
            #expect(try connection.run(.both("INSERT INTO t SELECT generate_series(1, 9)")) == 9)
            #expect(try connection.run(.both("UPDATE t SET a = a WHERE a > 5")) == 4)
            #expect(try connection.run(.both("DELETE FROM t WHERE a > 100")) == 0)
        }
        await database.close()
    }

    @Test func `a text or a statement with U+0000 is refused and cuts nothing short`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.open()
        try await database.write { connection throws in
            try connection.script("CREATE TABLE t(a text); INSERT INTO t VALUES ('kept')")
            #expect(throws: DatabaseError.self) {
                try connection.run(.both("INSERT INTO t VALUES (:a)"), ["a": "one\u{0}two"])
            }
            #expect(throws: DatabaseError.self) { try connection.run(.both("DELETE FROM t \u{0} WHERE false")) }
            #expect(throws: DatabaseError.self) { try connection.script("DELETE FROM t; \u{0}") }
            #expect(try connection.value("SELECT count(*) FROM t") == 1)
        }
        await database.close()
    }

    @Test func `a prepared statement is prepared anew after its table has changed`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) { $0.readers = 1 }
        let other = try await place.open()
        try await database.write { try $0.script("CREATE TABLE t(a bigint); INSERT INTO t VALUES (1)") }
        let all = SQL.both("SELECT * FROM t")
        for _ in 0..<8 { #expect(try await database.read { try $0.row(all)?.count } == 1) }
        try await other.write { try $0.script("ALTER TABLE t ADD COLUMN b bigint DEFAULT 2") }
        for _ in 0..<2 { #expect(try await database.read { try $0.row(all) } == Row([1, 2])) }
        // Also where the body would have gone on without it.
        try await other.write { try $0.script("ALTER TABLE t ADD COLUMN c bigint DEFAULT 3") }
        let row = try await database.read { connection throws in try? connection.attempt { try connection.row(all) } }
        #expect(row == Row([1, 2, 3]))
        await database.close()
        await other.close()
    }

    @Test func `prepared statements that the server has forgotten are prepared anew`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) { $0.writers = 1 }
        let look = SQL.both("SELECT 1")
        for _ in 0..<3 {
            #expect(try await database.write { try $0.row(look) } == Row([1]))
            try await database.runAlone("DISCARD ALL")
        }
        await database.close()
    }

    @Test func `more statements than are kept still run`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) { $0.readers = 1 }
        for round in 0..<2 {
            try await database.read { connection throws in
                for number in 0..<700 {
                    #expect(try connection.value("SELECT \(number) + \(round)") == Value(number + round))
                }
            }
            let kept = try await database.value("SELECT count(*) FROM pg_prepared_statements")?.integer
            #expect(kept.map { $0 <= 512 } == true)
        }
        await database.close()
    }
}
