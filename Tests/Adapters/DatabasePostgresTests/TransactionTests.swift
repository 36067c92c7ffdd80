import Core
import DatabasePostgres
import TestDatabases
import Testing

struct TransactionTests {
    @Test func `what was written is there after the commit, and not after a failure`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.open()
        try await database.write { try $0.script("CREATE TABLE t(a bigint PRIMARY KEY, b text)") }
        let changed = try await database.write { connection in
            try connection.run(.both("INSERT INTO t VALUES (:a, :b), (2, NULL)"), ["a": 1, "b": "한글"])
        }
        #expect(changed == 2)
        struct Refused: Error {}
        await #expect(throws: Refused.self) {
            try await database.write { connection in
                try connection.run(.both("DELETE FROM t"))
                throw Refused()
            }
        }
        let rows = try await database.read { try $0.rows(.both("SELECT a, b FROM t ORDER BY a")) }
        #expect(rows == [Row([1, "한글"]), Row([2, nil])])
        await database.close()
    }
}
