import Core
import TestDatabases
import Testing

@testable import Core

/// Every statement that the stores run, collected by calling each of their functions once.
struct StatementTests {
    /// The functions' statements, each text once.
    private func everyStatement(_ connection: any Connection) throws -> [Recorder.Statement] {
        let recorder = Recorder(connection)
        let (jobs, workers, feed, embeddings) = (JobStore(), WorkerStore(), FeedStore(), EmbeddingStore())
        let (source, now) = (SourceID(1), Timestamp(microseconds: 1_000_000))
        let failure = JobFailure(reason: "r", error: "e", isRetryable: true)
        let lasting = JobFailure(reason: "r", error: "e", isRetryable: false)

        let worker = try recorder.worker()
        try workers.ready(worker, device: "cpu", model: "tiny", endpoint: nil, on: recorder)
        _ = try workers.beat(worker, now: now, on: recorder)
        try workers.enterModel([1], of: worker, on: recorder)
        try workers.count(succeeded: 1, failed: 0, skipped: 0, truncated: 0, of: worker, on: recorder)
        _ = try workers.beats(on: recorder)
        _ = try workers.list(on: recorder)
        _ = try workers.totalSettled(on: recorder)

        for key in Int64(1)...6 { try recorder.want(Key([.integer(key)])) }
        _ = try jobs.hasAvailable(on: recorder)
        let claimed = try jobs.claim(.none, limit: 5, worker: worker, on: recorder)
        _ = try jobs.standing(of: claimed, on: recorder)
        try jobs.finish([claimed[0]], on: recorder)
        try jobs.requeue([claimed[1]], on: recorder)
        _ = try jobs.fail(claimed[2], failure, inputHash: nil, now: now, jitter: 0, on: recorder)
        _ = try jobs.fail(claimed[3], lasting, inputHash: [1], now: now, jitter: 0, on: recorder)
        _ = try jobs.nextDue(on: recorder)
        _ = try jobs.promote(now: now, limit: 10, on: recorder)
        _ = try workers.end(worker, as: .lost, on: recorder)
        #expect(try jobs.rescue(worker, error: "e", on: recorder).freed.count == 1)
        _ = try jobs.claim(.some, limit: 5, batches: 2, worker: worker, on: recorder)
        _ = try jobs.freeOrphans(on: recorder)
        _ = try jobs.counts(on: recorder)
        _ = try jobs.list("available", source: source, after: 0, limit: 9, on: recorder)
        _ = try jobs.listDead(source: nil, after: (source, Key([1])), limit: 9, on: recorder)
        _ = try jobs.failures(on: recorder)
        _ = try jobs.failed(source: source, reason: "r", key: nil, limit: 9, on: recorder)
        try jobs.forgetDead([Key([9])], of: source, on: recorder)
        _ = try workers.prune(endedBefore: now, on: recorder)
        _ = try jobs.line(on: recorder)
        try limits(recorder, worker)
        _ = try OldestTransaction.read(on: recorder)

        let item = try embeddings.put(
            [1], hash: [1], space: "tiny", key: Key([1]), source: source, now: now, on: recorder)
        try embeddings.publish(
            [EmbeddingStore.Entrance(key: Key([2]), vector: [1], hash: [1])], space: "tiny", source: source, now: now,
            on: recorder)
        _ = try embeddings.entries([item], on: recorder)
        _ = try embeddings.page(after: 0, limit: 9, on: recorder)
        _ = try embeddings.keys(of: [item], on: recorder)
        _ = try embeddings.remove(Key([1]), source: source, on: recorder)

        try feed.append([item], of: source, now: now, on: recorder)
        _ = try feed.sequence(limit: 9, on: recorder)
        _ = try feed.head(on: recorder)
        _ = try feed.read(after: 0, limit: 9, on: recorder)
        try feed.follow("index", at: 1, now: now, on: recorder)
        _ = try feed.prune(followersSeenSince: now, rows: 9, newerThan: now, limit: 9, on: recorder)
        return recorder.statements
    }

    /// The statements of limits, and those of a claim where there are some.
    private func limits(_ recorder: Recorder, _ worker: WorkerID) throws {
        let store = ModelLimitStore()
        try store.set(ModelLimit(model: "tiny", concurrency: 2, perMinute: 60), on: recorder)
        _ = try store.all(on: recorder)
        try store.spend(-10, of: "tiny", on: recorder)
        for key in Int64(10)...11 { try recorder.want(Key([.integer(key)])) }
        #expect(try JobStore().hasAvailable(on: recorder))
        #expect(try JobStore().claim(.none, limit: 9, worker: worker, on: recorder).count == 2)
        try store.set(ModelLimit(model: "tiny", concurrency: 9, perMinute: 60), on: recorder)
        _ = try JobStore().claim(.some, limit: 9, batches: 2, worker: worker, on: recorder)
        try store.set(ModelLimit(model: "tiny", concurrency: nil, perMinute: nil), on: recorder)
    }

    @Test(arguments: Dialect.allCases)
    func `every statement of the stores can be prepared`(on dialect: Dialect) async throws {
        try await onTables(dialect) { connection in
            let statements = try everyStatement(connection)
            // A function that is added without a call above is noticed by whoever counts again.
            #expect(
                statements.count == (dialect == .sqlite ? 60 : 65),
                "\(statements.count): \(statements.map(\.text).joined(separator: "\n"))")
            for statement in statements {
                let program = try connection.rows(
                    .both("EXPLAIN \(SQLText(statement.text))"), statement.parameters)
                #expect(!program.isEmpty, "\(statement.text)")
            }
        }
    }

    /// 10,000 jobs in all states, two sources and some crashes.
    private func fill(_ connection: any Connection) throws {
        try connection.run(
            .both(
                """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
                INSERT INTO \(Table.job)(source_id, key, state, crashes, priority, fence, worker_id, run_at)
                SELECT 1 + i % 2, CAST(i AS text), CASE i % 10
                        WHEN 0 THEN 'scheduled' WHEN 1 THEN 'held' WHEN 2 THEN 'running' ELSE 'available' END,
                    CASE WHEN i % 97 = 0 THEN i % 4 ELSE 0 END, i % 3, i, 1 + i % 5, i * 1000
                FROM n
                """))
    }

    private func plan(_ statement: Recorder.Statement, _ connection: any Connection) throws -> [String] {
        let explain = connection.dialect == .sqlite ? "EXPLAIN QUERY PLAN" : "EXPLAIN"
        return try connection.rows(.both("\(explain) \(SQLText(statement.text))"), statement.parameters)
            .map { $0.text(connection.dialect == .sqlite ? 3 : 0) }
    }

    /// The steps of the plan that read the table of jobs.
    private func steps(_ statement: Recorder.Statement, _ connection: any Connection) throws -> [String] {
        let table = Table.job.name(in: connection.dialect).replacing("millrace.", with: "")
        return try plan(statement, connection)
            .filter { $0.contains(" \(table)") && !$0.contains("Update on") && !$0.contains("Delete on") }
    }

    /// Also where the plan was made on an empty table and is kept while it grows.
    @Test(arguments: Dialect.allCases, [false, true])
    func `claims, looks and rescues read their index and never the whole table`(
        on dialect: Dialect, isAnalysed: Bool
    ) async throws {
        try await onTables(dialect) { connection in
            try fill(connection)
            if isAnalysed { try connection.script("ANALYZE") }
            let recorder = Recorder(connection)
            let worker = try connection.worker()
            let (jobs, now) = (JobStore(), Timestamp(microseconds: 50_000))
            _ = try jobs.hasAvailable(on: recorder)
            _ = try jobs.line(on: recorder)
            for suspicion in Suspicion.allCases {
                let claimed = try jobs.claim(suspicion, limit: 10, worker: worker, on: recorder)
                #expect(!claimed.isEmpty)
                #expect(try !jobs.claim(suspicion, limit: 10, batches: 2, worker: worker, on: recorder).isEmpty)
                _ = try jobs.standing(of: claimed, on: recorder)
                try jobs.requeue([claimed[0]], on: recorder)
                try jobs.finish(Array(claimed.dropFirst()), on: recorder)
            }
            _ = try jobs.promote(now: now, limit: 10, on: recorder)
            _ = try jobs.nextDue(on: recorder)
            _ = try jobs.rescue(worker, error: "e", on: recorder)
            _ = try jobs.freeOrphans(on: recorder)
            var looked = 0
            for statement in recorder.statements {
                // There are few sources, and few limits.
                let whole = try plan(statement, connection).filter {
                    $0.contains("Seq Scan") && !$0.contains("Scan on source") && !$0.contains("Scan on model_limit")
                }
                #expect(whole.isEmpty, "\(whole) of \(statement.text)")
                let steps = try steps(statement, connection)
                looked += steps.isEmpty ? 0 : 1
                for step in steps {
                    let isSearch =
                        step.hasPrefix("SEARCH") || step.contains("INDEX") || step.contains("Index")
                        || step.contains("Bitmap")
                    #expect(isSearch, "\(step) of \(statement.text)")
                }
            }
            #expect(looked >= 10, "\(looked) of \(recorder.statements.count)")
            var indexes = ["claimed_rev = wanted_rev": "job_available", "SELECT 1 FROM": "job_available"]
            // Each by its number: the index of running jobs holds those of all workers.
            if dialect == .postgres { indexes["WITH finished AS"] = "job_pkey" }
            for (words, index) in indexes {
                let statement = try #require(recorder.statements.first { $0.text.contains(words) })
                #expect(try steps(statement, connection).contains { $0.contains(index) }, "\(statement.text)")
            }
        }
    }
}
