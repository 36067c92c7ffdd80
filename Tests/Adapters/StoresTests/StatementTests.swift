import Core
import DatabaseSQLite
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
        _ = try jobs.freeOrphans(on: recorder)
        _ = try jobs.counts(on: recorder)
        _ = try jobs.list("available", source: source, after: 0, limit: 9, on: recorder)
        _ = try jobs.listDead(source: nil, after: (source, Key([1])), limit: 9, on: recorder)
        _ = try jobs.failures(on: recorder)
        _ = try jobs.failed(source: source, reason: "r", key: nil, limit: 9, on: recorder)
        try jobs.forgetDead([Key([9])], of: source, on: recorder)
        _ = try workers.prune(endedBefore: now, on: recorder)

        let item = try embeddings.put(
            [1], hash: [1], space: "tiny", key: Key([1]), source: source, now: now, on: recorder)
        _ = try embeddings.entries([item], on: recorder)
        _ = try embeddings.page(after: 0, limit: 9, on: recorder)
        _ = try embeddings.keys(of: [item], on: recorder)
        _ = try embeddings.remove(Key([1]), source: source, on: recorder)

        try feed.append([item], of: source, now: now, on: recorder)
        _ = try feed.head(on: recorder)
        _ = try feed.read(after: 0, limit: 9, on: recorder)
        try feed.follow("index", at: 1, now: now, on: recorder)
        _ = try feed.prune(followersSeenSince: now, rows: 9, limit: 9, on: recorder)
        return recorder.statements
    }

    @Test func `every statement of the stores can be prepared`() async throws {
        let file = DatabaseFile()
        let database = try await file.open()
        try await database.write { connection in
            let statements = try everyStatement(connection)
            // A function that is added without a call above is noticed by whoever counts again.
            #expect(statements.count == 47, "\(statements.map(\.text).joined(separator: "\n"))")
            for statement in statements {
                let program = try connection.rows(.both("EXPLAIN \(statement.text)"), statement.parameters)
                #expect(!program.isEmpty, "\(statement.text)")
            }
        }
        await database.close()
    }

    /// 10,000 jobs in all states, two sources and some crashes.
    private func fill(_ connection: any Connection) throws {
        try connection.run(
            .both(
                """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
                INSERT INTO \(Table.job)(source_id, key, state, crashes, priority, fence, worker_id, run_at)
                SELECT 1 + i % 2, i, CASE i % 10
                        WHEN 0 THEN 'scheduled' WHEN 1 THEN 'held' WHEN 2 THEN 'running' ELSE 'available' END,
                    CASE WHEN i % 97 = 0 THEN i % 4 ELSE 0 END, i % 3, i, 1 + i % 5, i * 1000
                FROM n
                """))
    }

    private func plan(_ statement: Recorder.Statement, _ connection: any Connection) throws -> [String] {
        try connection.rows(.both("EXPLAIN QUERY PLAN \(statement.text)"), statement.parameters).map { $0.text(3) }
    }

    @Test(arguments: [false, true])
    func `claims, looks and rescues read their index and never the whole table`(isAnalysed: Bool) async throws {
        let file = DatabaseFile()
        let database = try await file.open()
        try await database.write { connection in
            try fill(connection)
            if isAnalysed { try connection.script("ANALYZE") }
            let recorder = Recorder(connection)
            let worker = try connection.worker()
            let (jobs, now) = (JobStore(), Timestamp(microseconds: 50_000))
            _ = try jobs.hasAvailable(on: recorder)
            for suspicion in Suspicion.allCases {
                #expect(try !jobs.claim(suspicion, limit: 10, worker: worker, on: recorder).isEmpty)
            }
            _ = try jobs.promote(now: now, limit: 10, on: recorder)
            _ = try jobs.nextDue(on: recorder)
            _ = try jobs.rescue(worker, error: "e", on: recorder)
            _ = try jobs.freeOrphans(on: recorder)
            var looked = 0
            for statement in recorder.statements
            where statement.text.contains("\(Table.job.name(in: .sqlite))\n")
                || statement.text.contains("\(Table.job.name(in: .sqlite)) ")
            {
                let plan = try plan(statement, connection)
                looked += 1
                for step in plan where step.contains(Table.job.name(in: .sqlite)) {
                    #expect(
                        step.hasPrefix("SEARCH") || step.contains("INDEX"), "\(step) in \(plan) of \(statement.text)")
                }
                #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan) of \(statement.text)")
            }
            #expect(looked >= 6)
            guard let claim = recorder.statements.first(where: { $0.text.contains("claimed_rev = wanted_rev") }),
                let look = recorder.statements.first(where: { $0.text.hasPrefix("SELECT 1") })
            else {
                Issue.record("the claim was not recorded")
                return
            }
            for statement in [claim, look] {
                let plan = try plan(statement, connection)
                #expect(plan.contains { $0.contains("millrace_job_available") }, "\(plan)")
            }
        }
        await database.close()
    }
}
