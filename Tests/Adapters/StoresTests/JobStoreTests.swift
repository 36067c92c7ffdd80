import Core
import TestDatabases
import Testing

struct JobStoreTests {
    let store = JobStore()
    let now = Timestamp(microseconds: 1_000_000)

    /// Wishes for a row, claims it and lets it die.
    private func die(
        _ key: Key, of source: SourceID = SourceID(1), reason: String, error: String, on connection: any Connection
    ) throws {
        try connection.want(key, of: source)
        let jobs = try store.claim(.none, limit: 1, worker: try connection.worker(), on: connection)
        let failure = JobFailure(reason: reason, error: error, isRetryable: false)
        #expect(try store.fail(jobs[0], failure, inputHash: [1], now: now, jitter: 0, on: connection) == .dead)
    }

    @Test(arguments: Dialect.allCases) func `the highest priority is claimed first, then the oldest`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            for key in Int64(1)...5 { try connection.want(Key([.integer(key)])) }
            try connection.run(.both("UPDATE \(Table.job) SET priority = 9 WHERE key IN ('2', '4')"))
            let worker = try connection.worker()
            let claims = try (0..<3).map { _ in
                try store.claim(.none, limit: 2, worker: worker, on: connection).map(\.key.literal)
            }
            #expect(claims == [["2", "4"], ["1", "3"], ["5"]])
        }
    }

    @Test(arguments: Dialect.allCases) func `a fence is never used again, even where every job is gone`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try connection.worker()
            var fences: [Int64] = []
            for _ in 0..<5 {
                try connection.want(Key([1]))
                let jobs = try store.claim(.none, limit: 1, worker: worker, on: connection)
                fences += jobs.map(\.fence)
                try store.finish(jobs, on: connection)
                #expect(try connection.count(Table.job) == 0)
            }
            #expect(fences == fences.sorted() && Set(fences).count == 5)
        }
    }

    @Test(arguments: Dialect.allCases) func `a claim of several batches gives each a fence of its own`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            for key in Int64(10)...29 { try connection.want(Key([.integer(key)])) }
            try connection.run(.both("UPDATE \(Table.job) SET crashes = 1"))
            let worker = try connection.worker()
            var fences: Set<Int64> = []
            for sizes in [[8, 8], [4]] {
                let jobs = try store.claim(.some, limit: 16, batches: 2, worker: worker, on: connection)
                let batches = Dictionary(grouping: jobs, by: \.fence).sorted { $0.key < $1.key }.map(\.value)
                #expect(batches.map(\.count) == sizes)
                #expect(batches.flatMap(\.self) == jobs, "the oldest come in the first batch")
                fences.formUnion(jobs.map(\.fence))
            }
            #expect(fences.count == 3)
            #expect(try connection.rows(.both("SELECT DISTINCT fence FROM \(Table.job)")).count == 3)
        }
    }

    /// PostgreSQL has a sequence in its place.
    @Test func `a database without its counter says so`() async throws {
        try await onTables(.sqlite) { connection throws in
            try connection.run(.both("DELETE FROM \(Table.counter)"))
            #expect(throws: DatabaseError.self) {
                try store.claim(.none, limit: 1, worker: WorkerID(1), on: connection)
            }
        }
    }

    @Test(arguments: Dialect.allCases) func `finishing with an old fence leaves the record of a death alone`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            try connection.want(Key([1]))
            let old = try store.claim(.none, limit: 1, worker: try connection.worker(), on: connection)
            try store.requeue(old, on: connection)
            try die(Key([1]), reason: "bad", error: "no text", on: connection)
            try store.finish(old, on: connection)
            #expect(try connection.count(Table.deadJob) == 1)
        }
    }

    @Test(arguments: Dialect.allCases) func `what finished is forgiven its earlier death`(on dialect: Dialect)
        async throws
    {
        try await onTables(dialect) { connection throws in
            try die(Key([1]), reason: "bad", error: "no text", on: connection)
            try connection.want(Key([1]))
            let jobs = try store.claim(.none, limit: 1, worker: try connection.worker(), on: connection)
            try store.finish(jobs, on: connection)
            #expect(try connection.count(Table.deadJob) == 0)
        }
    }

    @Test(arguments: Dialect.allCases) func `a dead job keeps its whole error, the latest`(on dialect: Dialect)
        async throws
    {
        let long = String(repeating: "한글's error. ", count: 2_000)
        try await onTables(dialect) { connection throws in
            try die(Key([1]), reason: "first", error: "e", on: connection)
            try die(Key([1]), reason: "second", error: long, on: connection)
            let dead = try store.listDead(source: nil, after: nil, limit: 10, on: connection)
            #expect(dead.map(\.reason) == ["second"])
            #expect(dead.map(\.error) == [long])
            #expect(dead[0].moment == now)
        }
    }

    @Test(arguments: Dialect.allCases) func `dead jobs are paged by source and key, none twice and none left out`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            for source in Int64(1)...2 {
                for key in 0..<7 {
                    try die(Key([.text("k\(key)")]), of: SourceID(source), reason: "r", error: "e", on: connection)
                }
            }
            var (seen, after): ([String], (SourceID, Key)?) = ([], nil)
            while case let page = try store.listDead(source: nil, after: after, limit: 4, on: connection),
                let last = page.last
            {
                seen += page.map { "\($0.source) \($0.key)" }
                after = (last.source, last.key)
            }
            #expect(seen == (1...2).flatMap { source in (0..<7).map { "\(source) k\($0)" } })
            #expect(try store.listDead(source: SourceID(2), after: nil, limit: 99, on: connection).count == 7)
        }
    }

    @Test(arguments: Dialect.allCases) func `failures are grouped by reason, each with a key and that key's own error`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            try die(Key([1]), reason: "bad", error: "zebra", on: connection)
            try die(Key([2]), reason: "bad", error: "ant", on: connection)
            try die(Key([3]), reason: "rare", error: "owl", on: connection)
            try connection.want(Key([8]))
            try connection.want(Key([9]))
            try connection.run(.both("UPDATE \(Table.job) SET state = 'held', error = 'error of ' || key"))
            try connection.want(Key([10]))
            let groups = try store.failures(on: connection).sorted { $0.reason < $1.reason }
            #expect(groups.map(\.reason) == ["bad", JobStore.heldReason, "rare"])
            #expect(groups.map(\.count) == [2, 2, 1])
            #expect(groups.map(\.example.key.literal) == ["1", "8", "3"])
            #expect(groups.map(\.example.error) == ["zebra", "error of 8", "owl"])
        }
    }

    @Test(arguments: Dialect.allCases) func `failed jobs are found by source, reason and key, and forgotten by key`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let source = SourceID(1)
            try die(Key([1]), reason: "bad", error: "e", on: connection)
            try die(Key([2]), reason: "rare", error: "e", on: connection)
            try die(Key([2]), of: SourceID(2), reason: "rare", error: "e", on: connection)
            try connection.want(Key([3]))
            try connection.run(.both("UPDATE \(Table.job) SET state = 'held'"))
            func failed(_ reason: String?, _ key: Key?, limit: Int = 9) throws -> [String] {
                try store.failed(source: source, reason: reason, key: key, limit: limit, on: connection).map(\.literal)
            }
            #expect(try failed(nil, nil) == ["1", "2", "3"])
            #expect(try failed(nil, nil, limit: 2) == ["1", "2"])
            #expect(try failed("rare", nil) == ["2"])
            #expect(try failed(JobStore.heldReason, nil) == ["3"])
            #expect(try failed(nil, Key([1])) == ["1"])
            #expect(try failed("bad", Key([2])) == [])
            try store.forgetDead([Key([1]), Key([2])], of: source, on: connection)
            #expect(try failed(nil, nil) == ["3"])
            #expect(try connection.count(Table.deadJob) == 1)
        }
    }

    @Test(arguments: Dialect.allCases) func `jobs are counted by state, those that nobody is in too`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            #expect(
                try store.counts(on: connection)
                    == ["available": 0, "running": 0, "scheduled": 0, "held": 0, "dead": 0])
            try die(Key([0]), reason: "bad", error: "e", on: connection)
            for key in Int64(1)...4 { try connection.want(Key([.integer(key)])) }
            _ = try store.claim(.none, limit: 1, worker: try connection.worker(), on: connection)
            #expect(
                try store.counts(on: connection)
                    == ["available": 3, "running": 1, "scheduled": 0, "held": 0, "dead": 1])
        }
    }

    @Test(arguments: Dialect.allCases) func `live jobs are listed by state in pages`(on dialect: Dialect) async throws {
        try await onTables(dialect) { connection throws in
            for key in Int64(1)...5 { try connection.want(Key([.integer(key)]), of: SourceID(1 + key % 2)) }
            let first = try store.list("available", source: nil, after: 0, limit: 3, on: connection)
            let rest = try store.list("available", source: nil, after: first[2].id, limit: 3, on: connection)
            #expect((first + rest).map(\.key.literal) == ["1", "2", "3", "4", "5"])
            #expect(try store.list("available", source: SourceID(1), after: 0, limit: 9, on: connection).count == 2)
            #expect(try store.list("held", source: nil, after: 0, limit: 9, on: connection).isEmpty)
        }
    }
}
