import Core
import Testing

struct SQLTests {
    @Test(arguments: [
        ("parts", "\"parts\""), ("sel\"ect", "\"sel\"\"ect\""), ("", "\"\""), ("a b", "\"a b\""),
        ("부품", "\"부품\""), ("\"", "\"\"\"\""), ("a]`'b", "\"a]`'b\""), ("e\u{301}\"", "\"e\u{301}\"\"\""),
    ])
    func `a name is quoted whole, its own quotes doubled`(name: String, quoted: String) {
        #expect(Identifier(name).quoted == quoted)
        #expect("\(Identifier(name))" == quoted)
    }

    @Test func `a statement has its text for each database`() {
        #expect(SQL.both("SELECT 1").text(for: .sqlite) == "SELECT 1")
        #expect(SQL(sqlite: "SELECT 2").text(for: .sqlite) == "SELECT 2")
    }

    @Test func `vectors are stored little endian and come back bit by bit`() {
        #expect([Float(1)].littleEndianBytes == [0, 0, 0x80, 0x3F])
        let numbers: [Float] = [0, -0.0, 1, -1, .pi, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .infinity]
        #expect([Float](littleEndianBytes: numbers.littleEndianBytes).map(\.bitPattern) == numbers.map(\.bitPattern))
        #expect([Float](littleEndianBytes: [0, 0, 0x80, 0x3F, 1, 2, 3]) == [1])
        #expect([Float](littleEndianBytes: []) == [])
    }

    @Test func `the migrations are numbered from 1 without gaps`() {
        #expect(Migration.all.map(\.version) == (1...Int64(Migration.all.count)).map { $0 })
        #expect(Migration.all.allSatisfy { $0.text(for: .sqlite).contains("CREATE TABLE") })
    }

    @Test(arguments: [
        (DatabaseError.Code.busy, true), (.full, true), (.io, true), (.readOnly, true), (.corrupt, false),
        (.cannotOpen, false), (.newerVersion, false), (.notWAL, false), (.constraint, false), (.noSuchObject, false),
        (.closed, false), (.other, false),
    ])
    func `what may pass by itself can be tried again`(code: DatabaseError.Code, isRetryable: Bool) {
        #expect(DatabaseError(code, "sentence").isRetryable == isRetryable)
        #expect("\(DatabaseError(code, "sentence", statement: "SELECT secret"))" == "sentence")
    }
}
