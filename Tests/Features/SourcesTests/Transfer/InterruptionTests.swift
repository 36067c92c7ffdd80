import Core
import Synchronization
import Testing

@testable import Sources

/// A database to which something happens after some writes: its connection is lost for good, unless told otherwise.
final class BreakingDatabase: Database {
    private let real: any Database
    private let writesLeft: Mutex<Int>
    private let event: (@Sendable () async throws -> Void)?

    init(_ real: any Database, afterWrites writes: Int, _ event: (@Sendable () async throws -> Void)? = nil) {
        self.real = real
        self.event = event
        writesLeft = Mutex(writes)
    }

    private func spend() async throws {
        let left = writesLeft.withLock { left in
            left -= 1
            return left
        }
        if let event {
            if left == -1 { try await event() }
        } else {
            try check()
        }
    }

    private func check() throws {
        if event == nil, writesLeft.withLock({ $0 < 0 }) { throw DatabaseError(.io, "the connection is lost") }
    }

    var dialect: Dialect { real.dialect }

    func read<Result: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> Result) async throws -> Result {
        try check()
        return try await real.read(body)
    }

    func write<Result: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> Result) async throws -> Result {
        try await spend()
        return try await real.write(body)
    }

    func runAlone(_ statement: String) async throws {
        try await spend()
        try await real.runAlone(statement)
    }

    func changeMark() async throws -> Int64 { try await real.changeMark() }

    func close() async { await real.close() }
}

struct InterruptionTests {
    @Test func `a copy cut off at any of its writes never looks finished, and the next one is whole`() async throws {
        let move = try await Move()
        try await TransferTests.fillReferenceTable(of: move)
        var (writes, cuts) = (0, 0)
        while true {
            let broken = BreakingDatabase(move.target.database, afterWrites: writes)
            do {
                _ = try await move.transfer(into: broken).run { _ in }
                break
            } catch let error as DatabaseError {
                #expect(error.code == .io)
            }
            // Either there is nothing, or there is the mark.
            if try await move.target.database.read({ try TransferMark.read(on: $0) }) == nil {
                try await move.expectUntouched()
            } else {
                cuts += 1
                let refusal = try #require(
                    try await transferRefusal { try await TransferMark.requireNone(in: move.target.database) })
                #expect(refusal.code == .unfinished)
                #expect(refusal.message.contains("the origin") && refusal.message.contains("millrace db copy"))
                // Nobody who looks all the same finds work to do.
                let sources = try await move.target.database.read { try SourceStore().all(on: $0) }
                #expect(sources.allSatisfy { $0.state == .suspended })
            }
            writes += 1
            try #require(writes < 100)
        }
        #expect(cuts > 10)
        try await TransferMark.requireNone(in: move.target.database)
        _ = try await move.verify()
        #expect(try TransferTests.vectors(move.target) == (try TransferTests.vectors(move.origin)))
    }

    @Test func `an unfinished copy of another installation is not touched`() async throws {
        let (move, other) = (try await Move(), try await Workshop(.sqlite))
        try await move.origin.attachParts()
        try await other.attachParts()
        _ = try? await move.transfer(into: BreakingDatabase(move.target.database, afterWrites: 3)).run { _ in }
        let transfer = Transfer(
            from: .init(other.database, "another file"), to: .init(move.target.database, "the target"),
            spaces: { _ in nil })
        let refusal = try #require(try await transferRefusal { try await transfer.run { _ in } })
        #expect(refusal.code == .unfinished)
        #expect(refusal.message.contains("another installation, the origin"))
        // Its own is begun anew.
        try await move.run()
    }

    /// Writes after which another copy takes the place of the first: as soon as it has begun, and before it ends.
    @Test(arguments: [1, 2, 9])
    func `a copy whose place another one takes gives way, and takes nothing of it away`(_ writes: Int) async throws {
        let move = try await Move()
        try await TransferTests.fillReferenceTable(of: move)
        let rivalled = BreakingDatabase(move.target.database, afterWrites: writes) { try await move.run() }
        let refusal = try #require(
            try await transferRefusal { try await move.transfer(into: rivalled).run { _ in } })
        #expect(refusal.code == .inUse && refusal.message.contains("another millrace db copy"), "\(refusal.message)")
        _ = try await move.verify()
    }

    @Test func `a write to the origin while it is copied makes the copy void`() async throws {
        let move = try await Move()
        try await TransferTests.fillReferenceTable(of: move)
        // One that comes too late to be seen by comparing.
        let refusal = try #require(
            try await transferRefusal {
                try await move.transfer().run { progress in
                    guard progress.step == .comparingRecords, progress.done == progress.total else { return }
                    _ = try? move.origin.shell("UPDATE parts_master_features SET part_id = 'x' WHERE id = 1")
                }
            })
        #expect(refusal.code == .differs)
        #expect(refusal.message.contains("wrote to the origin"))
        try await move.expectUntouched()
        try await move.run()
        #expect(try move.target.shell("SELECT part_id FROM parts_master_features WHERE id = 1") == "x")
    }

    /// A change in the target, and the words for it.
    static let changes = [
        ("UPDATE parts_master_features SET part_id = 'P7 ' WHERE id = 7", "column \"part_id\" of row 7"),
        ("UPDATE parts_master_features SET updated_at = updated_at || ' '", "column \"updated_at\""),
        ("DELETE FROM parts_master_features WHERE id = 3", "row 3 of public.parts_master_features is missing"),
        (
            "INSERT INTO parts_master_features(id) VALUES (99)",
            "row 99 of public.parts_master_features is in the target alone"
        ),
        (
            "UPDATE millrace_embedding SET vector = set_byte(vector, 5, 1 + get_byte(vector, 5) % 200) WHERE key = '2'",
            "column \"vector\" of row 2"
        ),
        ("UPDATE millrace_embedding SET space = 'other' WHERE key = '2'", "column \"space\" of row 2"),
        ("UPDATE millrace_embedding SET input_hash = 'x' WHERE key = '2'", "column \"input_hash\" of row 2"),
        (
            "DELETE FROM millrace_embedding WHERE key = '2'",
            "row 2 of millrace.embedding of parts_master_features is missing"
        ),
        (
            "INSERT INTO millrace_embedding(source_id, key, space, input_hash, vector, embedded_at) VALUES (1, '55', 's', 'h', 'v', 1)",
            "1 row of millrace.embedding"
        ),
        ("UPDATE millrace_job SET attempt = 2 WHERE key = '10'", "column \"attempt\" of row 10"),
        ("DELETE FROM millrace_job_dead", "row 8 of millrace.job_dead"),
    ]

    @Test(arguments: changes)
    func `comparing finds every kind of difference`(_ change: String, _ words: String) async throws {
        let move = try await Move()
        try await TransferTests.fillReferenceTable(of: move)
        try await move.run()
        let report = try await move.verify()
        #expect(report.tables.map(\.rows) == [12])
        #expect(report.collections.map(\.embeddings) == [7])
        #expect(report.values > 12 * 7 + 7 * 6)
        try move.target.shell(change)
        let refusal = try #require(try await transferRefusal { try await move.verify() })
        #expect(refusal.code == .differs)
        #expect(refusal.message.contains(words), "\(refusal.message)")
    }
}
