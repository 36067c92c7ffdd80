import Core
import Embedding
import Testing

@testable import Sources

/// What a program that knows nothing of Millrace sets off by writing.
struct TriggerTests {
    /// `key|status|text state of its job`, in order.
    private let state = """
        SELECT p.id, p.embedding_status, COALESCE(j.state, '-') FROM parts_master_features p
        LEFT JOIN millrace_job j ON j.key = quote(p.id) ORDER BY p.id;
        """
    private let jobs = "SELECT COALESCE(group_concat(key), '') FROM (SELECT key FROM millrace_job ORDER BY key) AS job;"

    /// Three rows, embedded.
    private func shop(_ dialect: Dialect) async throws -> (Workshop, Source) {
        let shop = try await Workshop(dialect)
        try shop.shell(
            "INSERT INTO parts_master_features(id, part_id, feature_text) VALUES (1,'A','bolt'),(2,'B','nut'),(3,'C',NULL);"
        )
        let source = try await shop.attachParts()
        try await shop.work()
        return (shop, source)
    }

    @Test(arguments: Dialect.allCases) func `a new row waits for its embedding`(dialect: Dialect) async throws {
        let (shop, _) = try await shop(dialect)
        try shop.shell("INSERT INTO parts_master_features(id, feature_text) VALUES (4,'washer');")
        #expect(try shop.shell(state) == "1|completed|-\n2|completed|-\n3|skipped|-\n4|pending|available")
    }

    @Test(arguments: Dialect.allCases) func `a row that comes with a status of its own waits all the same`(
        dialect: Dialect
    ) async throws {
        let (shop, source) = try await shop(dialect)
        try shop.shell(
            "INSERT INTO parts_master_features(id, feature_text, embedding_status) VALUES (4,'x','completed'),(5,'y','z');"
        )
        #expect(try shop.shell(jobs) == "4,5")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `only a real change of the text is one`(dialect: Dialect) async throws {
        let (shop, source) = try await shop(dialect)
        try shop.shell(
            """
            UPDATE parts_master_features SET feature_text = feature_text;
            UPDATE parts_master_features SET part_id = 'other', updated_at = 'now';
            UPDATE parts_master_features SET clip_text_emb = clip_text_emb, embedding_status = embedding_status;
            INSERT INTO parts_master_features(id) VALUES (1) ON CONFLICT DO NOTHING;
            """)
        #expect(try shop.shell(jobs) == "")
        try shop.shell("UPDATE parts_master_features SET feature_text = 'Bolt' WHERE id = 1;")
        #expect(try shop.shell(jobs) == "1")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases, ["NULL", "''", "'  \t\n'", "'\u{3000}'"])
    func `text taken away is skipped and its vector goes`(dialect: Dialect, blank: String) async throws {
        let (shop, source) = try await shop(dialect)
        try shop.shell("UPDATE parts_master_features SET feature_text = \(blank) WHERE id = 1;")
        try await shop.work()
        #expect(
            try shop.shell(
                "SELECT embedding_status, COALESCE(clip_text_emb, '-') FROM parts_master_features WHERE id=1;")
                == "skipped|-")
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `a deleted row takes its job and vector along and the feed hears of it`(
        dialect: Dialect
    ) async throws {
        let (shop, _) = try await shop(dialect)
        let item = try shop.shell("SELECT id FROM millrace_embedding WHERE key='1';")
        try shop.shell(
            "UPDATE parts_master_features SET feature_text='x' WHERE id=1; DELETE FROM parts_master_features WHERE id=1;"
        )
        #expect(try shop.shell(jobs) == "")
        #expect(try shop.shell("SELECT group_concat(key) FROM millrace_embedding;") == "2")
        #expect(
            try shop.shell(
                "SELECT item_id FROM millrace_feed ORDER BY \(shop.either(sqlite: "seq", postgres: "id")) DESC LIMIT 1;"
            ) == item)
        try shop.shell("DELETE FROM parts_master_features;")
        #expect(try shop.shell("SELECT count(*) FROM millrace_embedding;") == "0")
    }

    @Test(arguments: Dialect.allCases) func `a row that gets another key is another row`(dialect: Dialect) async throws
    {
        let (shop, source) = try await shop(dialect)
        try shop.shell("UPDATE parts_master_features SET id = id + 10;")
        #expect(try shop.shell(jobs) == "11,12,13")
        try await shop.work()
        try await shop.expectInStep(source)
        // Two rows that swap their keys swap nothing else.
        try shop.shell(
            "UPDATE parts_master_features SET id = -id; UPDATE parts_master_features SET id = 23 + id WHERE id > -13;")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `pending set by hand schedules one row, many rows and failed rows`(
        dialect: Dialect
    ) async throws {
        let (shop, source) = try await shop(dialect)
        try shop.shell("UPDATE parts_master_features SET embedding_status='pending' WHERE id=2;")
        #expect(try shop.shell(jobs) == "2")
        try shop.shell("UPDATE parts_master_features SET embedding_status='pending';")
        #expect(try shop.shell(jobs) == "1,2,3")
        // Also where it was pending already.
        #expect(try shop.shell("SELECT wanted_rev FROM millrace_job ORDER BY key;") == "1\n2\n1")
        shop.embedder.change { $0.failing = ["bad": .badInput] }
        try shop.shell("UPDATE parts_master_features SET feature_text='bad' WHERE id=1;")
        try await shop.work()
        #expect(try shop.shell(state) == "1|failed|-\n2|completed|-\n3|skipped|-")
        shop.embedder.change { $0.failing = [:] }
        try shop.shell("UPDATE parts_master_features SET embedding_status='pending' WHERE embedding_status='failed';")
        #expect(try shop.shell(jobs) == "1")
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT count(*) FROM millrace_job_dead;") == "0")
    }

    @Test(arguments: Dialect.allCases) func `an edit makes a job that waits for its retry available at once`(
        dialect: Dialect
    ) async throws {
        let (shop, _) = try await shop(dialect)
        shop.embedder.change { $0.failing = ["bad": .runtimeFailure] }
        try shop.shell("UPDATE parts_master_features SET feature_text='bad' WHERE id=1;")
        try await shop.work()
        #expect(try shop.shell(state).hasPrefix("1|pending|scheduled\n"))
        try shop.shell("UPDATE parts_master_features SET feature_text='good' WHERE id=1;")
        #expect(try shop.shell(state).hasPrefix("1|pending|available\n"))
        #expect(try shop.shell("SELECT attempt, COALESCE(run_at, 0) FROM millrace_job;") == "0|0")
    }

    @Test(arguments: Dialect.allCases)
    func `an edit before the backfill has come by is not taken for the old text's row`(dialect: Dialect) async throws {
        let shop = try await Workshop(dialect)
        try shop.shell(
            "INSERT INTO parts_master_features(id, feature_text, clip_text_emb) VALUES (1,'old','[1,0,0,0,0,0,0,0]');")
        let source = try await shop.attachment.add(shop.partsRequest).source
        try shop.shell("UPDATE parts_master_features SET feature_text='new';")
        try await shop.takeIn(source, .missing)
        #expect(try shop.shell(state) == "1|pending|available")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `10,000 rows changed in one statement are 10,000 jobs`(dialect: Dialect)
        async throws
    {
        let shop = try await Workshop(dialect)
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        try shop.shell("INSERT INTO parts_master_features(feature_text) \(numbers) SELECT 'part ' || i FROM n;")
        let source = try await shop.attachParts()
        try await shop.work(batch: 1000)
        #expect(
            try shop.shell("UPDATE parts_master_features SET feature_text = feature_text || '!';") == "")
        #expect(try shop.shell("SELECT count(*) FROM millrace_job WHERE state='available';") == "10000")
        try await shop.work(batch: 1000)
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `what Millrace writes looks like no wish of the user's`(dialect: Dialect)
        async throws
    {
        let (shop, source) = try await shop(dialect)
        try shop.shell("UPDATE parts_master_features SET feature_text='again' WHERE id=1;")
        let (_, jobs) = try await shop.claim()
        #expect(try shop.shell(state).hasPrefix("1|processing|running\n"))
        try await shop.queue.handBack(jobs)
        #expect(try shop.shell("SELECT state, wanted_rev FROM millrace_job;") == "available|1")
        #expect(try shop.shell(state).hasPrefix("1|pending|available\n"))
        try await shop.work()
        try await shop.expectInStep(source)
        if dialect == .sqlite { #expect(try shop.shell("SELECT count(*) FROM millrace_guard;") == "0") }
    }
}
