import Core
import Embedding
import Testing

@testable import Sources

/// What happens between the claim of a row and its settlement, step by step.
struct SettlementTests {
    private let status =
        "SELECT embedding_status, CASE WHEN clip_text_emb IS NULL THEN 1 ELSE 0 END FROM parts_master_features WHERE id=1;"

    /// One row that is claimed and read.
    private func shop(
        _ dialect: Dialect, text: String = "old", policy: RetryPolicy = RetryPolicy()
    ) async throws -> (Workshop, Source, WorkerID, EmbeddingInput) {
        let shop = try await Workshop(dialect, policy: policy)
        try shop.shell("INSERT INTO parts_master_features(id, feature_text) VALUES (1,'before');")
        let source = try await shop.attachParts()
        try await shop.work()
        try shop.shell("UPDATE parts_master_features SET feature_text='\(text)', updated_at='2026-01-01 00:00:00';")
        let (worker, jobs) = try await shop.claim()
        let inputs = try await shop.queue.read(jobs, of: source, space: shop.embedder.space)
        return (shop, source, worker, try #require(inputs.first))
    }

    private func result(_ input: EmbeddingInput, _ embedder: HashEmbedder) throws -> EmbeddingResult {
        guard case .text(let text, let hash) = input.content else { throw Unexpected() }
        return EmbeddingResult(
            job: input.job, values: input.values,
            outcome: .vector(embedder.vector(text), hash: hash, isTruncated: false))
    }

    private struct Unexpected: Error {}

    private func failure(_ input: EmbeddingInput, isRetryable: Bool) -> EmbeddingResult {
        EmbeddingResult(
            job: input.job, values: input.values,
            outcome: .failed(JobFailure(reason: "no_good", error: "it is no good", isRetryable: isRetryable), hash: [1])
        )
    }

    /// What happens to the row meanwhile; `DROP` stands for the loss of the trigger on updates,
    /// `REPLACE` for the row's replacement in the database's own way.
    private static let meanwhile = [
        "UPDATE parts_master_features SET feature_text='new';",
        "DROP UPDATE parts_master_features SET feature_text='new';",
        "UPDATE parts_master_features SET feature_text='new'; UPDATE parts_master_features SET feature_text='old';",
        "UPDATE parts_master_features SET embedding_status='pending';",
        "REPLACE",
        "UPDATE parts_master_features SET feature_text='OLD';",
    ]

    @Test(arguments: Dialect.allCases, meanwhile)
    func `a row written while it is embedded is embedded again, and no stale vector is ever there`(
        dialect: Dialect, sql: String
    ) async throws {
        let (shop, source, worker, input) = try await shop(dialect)
        let replace = shop.either(
            sqlite: "INSERT OR REPLACE INTO parts_master_features(id, feature_text) VALUES (1,'new');",
            postgres: """
                INSERT INTO parts_master_features(id, feature_text) VALUES (1,'new')
                    ON CONFLICT (id) DO UPDATE SET feature_text = excluded.feature_text;
                """)
        try shop.shell(sql.replacing("DROP ", with: shop.dropTrigger("upd")).replacing("REPLACE", with: replace))
        let counts = try await shop.settle([try result(input, shop.embedder)], of: source, by: worker)
        #expect(counts.requeued == 1 && counts.succeeded == 0)
        let vector = try shop.shell("SELECT clip_text_emb FROM parts_master_features;")
        #expect(VectorFormat.vector(in: .text(vector), dimension: 8) != shop.embedder.vector("old"))
        #expect(try shop.shell("SELECT embedding_status FROM parts_master_features;") == "pending")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases, [false, true])
    func `a row deleted while it is embedded leaves nothing behind`(dialect: Dialect, sabotage: Bool) async throws {
        let (shop, source, worker, input) = try await shop(dialect)
        try shop.shell((sabotage ? shop.dropTrigger("del") : "") + "DELETE FROM parts_master_features;")
        let counts = try await shop.settle([try result(input, shop.embedder)], of: source, by: worker)
        #expect(counts.dropped == 1)
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT count(DISTINCT item_id), count(*) FROM millrace_feed;") == "1|2")
    }

    @Test(arguments: Dialect.allCases) func `an old fence settles nothing`(dialect: Dialect) async throws {
        let (shop, source, worker, input) = try await shop(dialect)
        try await shop.queue.handBack([input.job])
        let (_, again) = try await shop.claim()
        #expect(again.first?.id == input.job.id && again.first?.fence != input.job.fence)
        let before = try shop.shell("SELECT * FROM parts_master_features; SELECT * FROM millrace_job;")
        let counts = try await shop.settle([try result(input, shop.embedder)], of: source, by: worker)
        #expect(counts.dropped == 1)
        #expect(try shop.shell("SELECT * FROM parts_master_features; SELECT * FROM millrace_job;") == before)
        // Neither may it hand back what another holds.
        try await shop.queue.handBack([input.job])
        #expect(try shop.shell("SELECT state FROM millrace_job;") == "running")
    }

    @Test(arguments: Dialect.allCases) func `the time column is touched at the settlement and not before`(
        dialect: Dialect
    ) async throws {
        let (shop, source, worker, input) = try await shop(dialect)
        #expect(
            try shop.shell("SELECT substr(CAST(updated_at AS TEXT), 1, 10) FROM parts_master_features;") == "2026-01-01"
        )
        _ = try await shop.settle([try result(input, shop.embedder)], of: source, by: worker)
        #expect(try shop.shell("SELECT count(*) FROM parts_master_features WHERE updated_at > '2026-01-02';") == "1")
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `vector, status, job and feed are written together or not at all`(
        dialect: Dialect
    ) async throws {
        let (shop, source, _, input) = try await shop(dialect)
        let everything =
            "SELECT * FROM parts_master_features; SELECT * FROM millrace_job; SELECT key, hex(vector) FROM millrace_embedding; SELECT count(*) FROM millrace_feed;"
        let before = try shop.shell(everything)
        let settlement = EmbeddingSettlement(source: source, space: shop.embedder.space, jobs: JobStore())
        let results = [try result(input, shop.embedder)]
        await #expect(throws: Unexpected.self) {
            try await shop.database.write { connection in
                let counts = try settlement.apply(
                    results, columns: settlement.columns(results, for: connection.dialect), now: .now(), jitters: [0],
                    on: connection)
                #expect(counts.counts.succeeded == 1)
                throw Unexpected()
            }
        }
        #expect(try shop.shell(everything) == before)
    }

    @Test(arguments: Dialect.allCases)
    func `a failure that may pass is tried again until it is dead, with its reason in SQL`(dialect: Dialect)
        async throws
    {
        var policy = RetryPolicy()
        policy.maxAttempts = 2
        let (shop, source, worker, input) = try await shop(dialect, policy: policy)
        _ = try await shop.settle([failure(input, isRetryable: true)], of: source, by: worker)
        #expect(try shop.shell("SELECT state, attempt, error FROM millrace_job;") == "scheduled|1|it is no good")
        #expect(try shop.shell(status) == "pending|0")
        #expect(try await shop.claim().jobs.isEmpty)
        _ = try await shop.database.write { try JobStore().promote(now: .now() + .seconds(600), limit: 9, on: $0) }
        let (second, jobs) = try await shop.claim()
        let inputs = try await shop.queue.read(jobs, of: source, space: shop.embedder.space)
        let counts = try await shop.settle(inputs.map { failure($0, isRetryable: true) }, of: source, by: second)
        #expect(counts.failed == 1)
        // The vector of the earlier text goes with it.
        #expect(try shop.shell(status) == "failed|1")
        #expect(
            try shop.shell(
                "SELECT key, attempt, reason, error FROM millrace_job_dead; SELECT count(*) FROM millrace_embedding;")
                == "1|2|no_good|it is no good\n0")
    }

    @Test(
        arguments: Dialect.allCases,
        ["UPDATE parts_master_features SET feature_text='new';", "DELETE FROM parts_master_features;"])
    func `a failure of a text that is no longer there condemns nobody`(dialect: Dialect, sql: String) async throws {
        let (shop, source, worker, input) = try await shop(dialect)
        try shop.shell(shop.dropTrigger("upd") + shop.dropTrigger("del") + sql)
        _ = try await shop.settle([failure(input, isRetryable: false)], of: source, by: worker)
        #expect(try shop.shell("SELECT count(*) FROM millrace_job_dead;") == "0")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `a row that its table's own rules refuse fails alone with their words`(
        dialect: Dialect
    ) async throws {
        let table =
            "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT CHECK (v IS NULL OR x <> 'strict'), embedding_status TEXT NOT NULL DEFAULT 'pending');"
        let trigger =
            dialect == .sqlite
            ? "CREATE TRIGGER no BEFORE UPDATE OF embedding_status ON t WHEN OLD.x = 'locked' BEGIN SELECT RAISE(ABORT, 'hands off'); END;"
            : """
            CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hands off'; END $$;
            CREATE TRIGGER no BEFORE UPDATE OF embedding_status ON t FOR EACH ROW WHEN (OLD.x = 'locked') EXECUTE FUNCTION no();
            """
        let shop = try await Workshop(dialect, table + trigger)
        let source = try await shop.attach(shop.request("t", text: ["x"], into: "v"))
        try shop.shell("INSERT INTO t(x) VALUES ('good'),('strict'),('locked'),('fine');")
        try await shop.work()
        #expect(
            try shop.shell("SELECT id, embedding_status FROM t ORDER BY id;")
                == "1|completed\n2|failed\n3|pending\n4|completed")
        let dead = try shop.shell("SELECT key, reason, error FROM millrace_job_dead;")
        #expect(dead.contains("2|row_refused|") && dead.lowercased().contains("check constraint"))
        #expect(dead.contains("3|row_refused|") && dead.contains("hands off"))
        #expect(try shop.shell("SELECT count(*) FROM millrace_job;") == "0")
        let kept = try await shop.reread(source).state
        #expect(kept == .active)
    }

    @Test func `a blob in SQLite's text column fails alone and says so`() async throws {
        let shop = try await Workshop()
        let source = try await shop.attachParts()
        try shop.shell("INSERT INTO parts_master_features(feature_text) VALUES (x'00ff'),('good');")
        try await shop.work()
        #expect(
            try shop.shell("SELECT reason, error FROM millrace_job_dead;")
                == "not_text|a text column holds a blob of 2 bytes: store text")
        #expect(try await shop.sweep(source).isClean)
        try shop.shell("UPDATE parts_master_features SET feature_text='mended' WHERE id=1;")
        try await shop.work()
        try await shop.expectInStep(source)
    }
}
