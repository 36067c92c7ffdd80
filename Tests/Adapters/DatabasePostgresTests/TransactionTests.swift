import Core
import DatabasePostgres
import TestDatabases
import Testing

struct TransactionTests {
    /// A database with a table of two columns.
    private func table() async throws -> (place: TestDatabase, database: PostgresDatabase) {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place)
        try await database.write { try $0.script("CREATE TABLE t(a bigint PRIMARY KEY, b text)") }
        return (place, database)
    }

    @Test func `what was written is there after the commit, and not after a failure`() async throws {
        let (_, database) = try await table()
        let changed = try await database.write { connection throws in
            try connection.run(.both("INSERT INTO t VALUES (:a, :b), (2, NULL)"), ["a": 1, "b": "한글"])
        }
        #expect(changed == 2)
        struct Refused: Error {}
        await #expect(throws: Refused.self) {
            try await database.write { connection throws in
                try connection.run(.both("DELETE FROM t"))
                throw Refused()
            }
        }
        let rows = try await database.read { try $0.rows(.both("SELECT a, b FROM t ORDER BY a")) }
        #expect(rows == [Row([1, "한글"]), Row([2, nil])])
        await database.close()
    }

    @Test func `every statement of a read sees the same state, whatever is written meanwhile`() async throws {
        let (_, database) = try await table()
        let (inside, goOn) = (Signal(), Signal())
        let reader = Task {
            try await database.read { connection throws in
                let before = try connection.value("SELECT count(*) FROM t")
                inside.send()
                goOn.wait()
                return (before, try connection.value("SELECT count(*) FROM t"))
            }
        }
        await inside.received()
        try await database.write { try $0.run(.both("INSERT INTO t VALUES (1)")) }
        goOn.send()
        let (before, after) = try await reader.value
        #expect(before == 0 && after == 0)
        #expect(try await database.value("SELECT count(*) FROM t") == 1)
        await database.close()
    }

    @Test func `a read that writes is refused`() async throws {
        let (_, database) = try await table()
        let error = await refusal { try await database.read { try $0.run(.both("INSERT INTO t VALUES (1)")) } }
        #expect(error?.code == .readOnly)
        #expect(error?.message.contains("write()") == true)
        #expect(try await database.value("SELECT count(*) FROM t") == 0)
        await database.close()
    }

    @Test func `an attempt that fails leaves nothing, and the transaction goes on`() async throws {
        let (_, database) = try await table()
        try await database.write { connection throws in
            try connection.run(.both("INSERT INTO t VALUES (1)"))
            let code = try connection.attempt { () throws(DatabaseError) -> DatabaseError.Code? in
                try connection.run(.both("INSERT INTO t VALUES (2)"))
                do throws(DatabaseError) {
                    try connection.attempt { () throws(DatabaseError) in
                        try connection.run(.both("INSERT INTO t VALUES (3)"))
                        try connection.run(.both("INSERT INTO t VALUES (1)"))
                    }
                    return nil
                } catch {
                    return error.code
                }
            }
            #expect(code == .constraint)
            #expect(throws: DatabaseError.self) { try connection.attempt { try connection.script("SELEC 1") } }
            try connection.run(.both("INSERT INTO t VALUES (4)"))
        }
        let rows = try await database.read { try $0.rows(.both("SELECT a FROM t ORDER BY a")) }
        #expect(rows == [Row([1]), Row([2]), Row([4])])
        await database.close()
    }

    @Test func `a failure that was caught without an attempt fails the transaction all the same`() async throws {
        let (_, database) = try await table()
        let error = await refusal {
            try await database.write { connection throws in
                try connection.run(.both("INSERT INTO t VALUES (1)"))
                _ = try? connection.run(.both("INSERT INTO t VALUES (1)"))
            }
        }
        #expect(error?.code == .constraint)
        #expect(try await database.value("SELECT count(*) FROM t") == 0)
        await database.close()
    }

    @Test func `what is run later is run in its order: before the next statement, or with the commit`() async throws {
        let (_, database) = try await table()
        let seen = try await database.write { connection throws in
            for a in Int64(1)...3 {
                try connection.runLater(.both("INSERT INTO t VALUES (:a, 'x')"), ["a": .integer(a)])
            }
            try connection.runLater(.both("DELETE FROM t WHERE a = :a"), ["a": 2])
            let seen = try connection.value("SELECT count(*) FROM t")
            try connection.runLater(.both("UPDATE t SET b = 'y' WHERE a = :a"), ["a": 3])
            return seen
        }
        #expect(seen == 2)
        let rows = try await database.read { try $0.rows(.both("SELECT a, b FROM t ORDER BY a")) }
        #expect(rows == [Row([1, "x"]), Row([3, "y"])])
        await database.close()
    }

    @Test func `what is asked later is answered as of its place, also where nothing follows`() async throws {
        let (_, database) = try await table()
        // The second time every statement is prepared, and all go together.
        for _ in 0..<2 {
            let counts = try await database.write { connection throws in
                let count = SQL.both("SELECT count(*), 'later' FROM t")
                try connection.runLater(.both("INSERT INTO t VALUES (:a, 'x')"), ["a": 1])
                let one = try connection.rowsLater(count, [:])
                try connection.runLater(.both("INSERT INTO t VALUES (:a, 'x')"), ["a": 2])
                let two = try connection.rowsLater(count, [:])
                #expect(try connection.run(.both("DELETE FROM t")) == 2)
                let none = try connection.rowsLater(count, [:])
                return try [two, one, none].map { try $0.get()[0].integer(0) }
            }
            #expect(counts == [2, 1, 0])
        }
        await database.close()
    }

    @Test func `what is asked later and fails, fails where the answer is wanted`() async throws {
        let (_, database) = try await table()
        let error = await refusal {
            try await database.write { connection throws in
                try connection.run(.both("INSERT INTO t VALUES (1)"))
                let answer = try connection.rowsLater(
                    .both("INSERT INTO t VALUES (:a) RETURNING a"), ["a": 1])
                #expect(throws: DatabaseError.self) { try answer.get() }
            }
        }
        #expect(error?.code == .constraint)
        #expect(try await database.value("SELECT count(*) FROM t") == 0)
        await database.close()
    }

    @Test func `an attempt that held goes on with what follows`() async throws {
        let (_, database) = try await table()
        try await database.write { connection throws in
            try connection.attempt { () throws(DatabaseError) in try insert(1, connection) }
            try connection.attempt { () throws(DatabaseError) in
                try connection.attempt { () throws(DatabaseError) in try insert(2, connection) }
                #expect(refuses(2, connection))
            }
            do {
                try connection.attempt { () throws(DatabaseError) in
                    try connection.attempt { () throws(DatabaseError) in try insert(3, connection) }
                    try insert(3, connection)
                }
                Issue.record("a second row of the same key was taken")
            } catch let error as DatabaseError {
                #expect(error.code == .constraint)
            }
        }
        #expect(try await database.value("SELECT count(*) FROM t") == 2)
        await database.close()
    }

    private func insert(_ a: Int64, _ connection: any Connection) throws(DatabaseError) {
        try connection.run(.both("INSERT INTO t VALUES (:a)"), ["a": .integer(a)])
    }

    /// Whether a row is refused, in an attempt.
    private func refuses(_ a: Int64, _ connection: any Connection) -> Bool {
        do {
            try connection.attempt { () throws(DatabaseError) in try insert(a, connection) }
            return false
        } catch {
            return true
        }
    }

    @Test(arguments: [true, false]) func `what is run later and fails undoes the whole`(isLast: Bool) async throws {
        let (_, database) = try await table()
        let error = await refusal {
            try await database.write { connection throws in
                try connection.run(.both("INSERT INTO t VALUES (1)"))
                try connection.runLater(.both("INSERT INTO t VALUES (:a)"), ["a": 1])
                try connection.runLater(.both("INSERT INTO t VALUES (:a)"), ["a": 2])
                if !isLast { _ = try connection.value("SELECT count(*) FROM t") }
            }
        }
        #expect(error?.code == .constraint)
        #expect(try await database.value("SELECT count(*) FROM t") == 0)
        await database.close()
    }

    @Test func `what is run later inside an attempt fails inside it`() async throws {
        let (_, database) = try await table()
        try await database.write { connection throws in
            try connection.runLater(.both("INSERT INTO t VALUES (:a)"), ["a": 1])
            #expect(throws: DatabaseError.self) {
                try connection.attempt { try connection.runLater(.both("INSERT INTO t VALUES (:a)"), ["a": 1]) }
            }
        }
        #expect(try await database.value("SELECT count(*) FROM t") == 1)
        await database.close()
    }

    @Test func `a constraint that is looked at on commit refuses the whole`() async throws {
        let (_, database) = try await table()
        try await database.write {
            try $0.script("CREATE TABLE c(a bigint REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
        }
        let error = await refusal { try await database.write { try $0.run(.both("INSERT INTO c VALUES (9)")) } }
        #expect(error?.code == .constraint)
        #expect(try await database.value("SELECT count(*) FROM c") == 0)
        await database.close()
    }

    @Test func `transactions that deadlock run again until both have passed`() async throws {
        let (_, database) = try await table()
        try await database.write { try $0.script("INSERT INTO t VALUES (1, ''), (2, '')") }
        let runs = Counter()
        let (first, second) = (Signal(), Signal())
        @Sendable func both(_ rows: [Int64], _ mine: Signal, _ other: Signal) async throws {
            let tries = Counter()
            try await database.write { connection throws in
                runs.add()
                try connection.run(.both("UPDATE t SET b = b || 'x' WHERE a = :a"), ["a": .integer(rows[0])])
                if tries.add() == 1 {
                    mine.send()
                    other.wait()
                }
                try connection.run(.both("UPDATE t SET b = b || 'x' WHERE a = :a"), ["a": .integer(rows[1])])
            }
        }
        async let one: Void = both([1, 2], first, second)
        async let two: Void = both([2, 1], second, first)
        _ = try await (one, two)
        #expect(runs.value > 2)
        let texts = try await database.read { try $0.rows(.both("SELECT b FROM t")) }
        #expect(texts == [Row(["xx"]), Row(["xx"])])
        await database.close()
    }

    @Test func `a lock that a user holds for long makes a write busy, and nothing waits for it longer`() async throws {
        let (place, database) = try await table()
        let impatient = try await open(place) { $0.lockTimeout = .milliseconds(50) }
        try await database.write { try $0.run(.both("INSERT INTO t VALUES (1)")) }
        let (inside, goOn) = (Signal(), Signal())
        let user = Task {
            try await database.write { connection throws in
                try connection.run(.both("UPDATE t SET b = 'mine'"))
                inside.send()
                goOn.wait()
            }
        }
        await inside.received()
        let error = await refusal { try await impatient.write { try $0.run(.both("UPDATE t SET b = 'ours'")) } }
        #expect(error?.code == .busy)
        #expect(error?.isRetryable == true)
        goOn.send()
        try await user.value
        await database.close()
        await impatient.close()
    }

    @Test func `writes run beside each other`() async throws {
        let (_, database) = try await table()
        let (first, second) = (Signal(), Signal())
        async let one: Void = database.write { connection throws in
            try connection.run(.both("INSERT INTO t VALUES (1)"))
            first.send()
            second.wait()
        }
        async let two: Void = database.write { connection throws in
            try connection.run(.both("INSERT INTO t VALUES (2)"))
            second.send()
            first.wait()
        }
        _ = try await (one, two)
        #expect(try await database.value("SELECT count(*) FROM t") == 2)
        await database.close()
    }

    @Test func `an index is built outside transactions, without a limit on its time`() async throws {
        let (place, _) = try await table()
        let database = try await open(place) { $0.statementTimeout = .milliseconds(100) }
        try await database.runAlone("CREATE INDEX CONCURRENTLY i ON t(b)")
        try await database.runAlone("DO 'BEGIN PERFORM pg_sleep(0.3); END'")
        let error = await refusal { try await database.runAlone("CREATE INDEX CONCURRENTLY i ON t(b)") }
        #expect(error != nil)
        // The limit is back for what comes next.
        for _ in 0..<4 {
            let error = await refusal { try await database.write { try $0.value("SELECT pg_sleep(5)") } }
            #expect(error?.code == .busy)
            #expect(error?.message.contains("too long") == true)
        }
        await database.close()
    }

    @Test func `a slow transaction is logged with its statement`() async throws {
        let place = try await TestDatabase(.postgres)
        let record = LogRecord()
        let database = try await open(place, logger: record.logger) { $0.slowTransaction = .zero }
        #expect(try await database.value("SELECT 42") == 42)
        await database.close()
        #expect(record.all.contains { $0.hasPrefix("warning") && $0.contains("SELECT 42") })
    }

    @Test func `a closed database says so`() async throws {
        let (_, database) = try await table()
        await database.close()
        #expect(await refusal { try await database.value("SELECT 1") }?.code == .closed)
    }
}
