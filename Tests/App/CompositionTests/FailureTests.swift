import Core
import Embedding
import Search
import Sources
import Testing

@testable import Composition

@Suite struct `A command's end` {
    @Test(arguments: [
        (DatabaseError.Code.busy, Failure.Exit.temporary), (.full, .io), (.corrupt, .data), (.readOnly, .noPermission),
        (.newerVersion, .config), (.notWAL, .config), (.cannotOpen, .config),
    ])
    func `says what the database said`(code: DatabaseError.Code, exit: Failure.Exit) {
        let failure = Failure(DatabaseError(code, "the sentence"))
        #expect(failure.exit == exit)
        #expect(failure.message == "the sentence")
    }

    @Test func `distinguishes what a user can mend from what may pass`() {
        #expect(Failure(SourceError(.unknownTable, "x")).exit == .usage)
        #expect(Failure(SearchError(.notReady, "x")).exit == .temporary)
        #expect(Failure(EmbeddingError(.modelMissing, "x")).exit == .unavailable)
        #expect(Failure(EmbeddingError(.modelCorrupt, "x")).exit == .data)
        #expect(Failure(EmbeddingError(.deviceUnavailable, "x")).exit == .config)
    }

    @Test func `of a worker is restarted only where that may help`() {
        #expect(Child.End.killed(signal: 9).isWorthRestarting)
        #expect(Child.End.exited(70).isWorthRestarting)
        #expect(Child.End.exited(75).isWorthRestarting)
        for code: Int32 in [64, 69, 77, 78] { #expect(!Child.End.exited(code).isWorthRestarting) }
    }
}

@Suite struct `A moment` {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"), (951_868_799, "2000-02-29T23:59:59Z"),
        (1_795_220_000, "2026-11-21T00:13:20Z"), (-1, "1969-12-31T23:59:59Z"), (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ])
    func `is written as ISO 8601 has it`(seconds: Int64, text: String) {
        #expect(Timestamp(microseconds: seconds * 1_000_000).iso8601 == text)
    }
}
