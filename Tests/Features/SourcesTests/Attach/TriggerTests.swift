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
    private let jobs = "SELECT COALESCE(group_concat(key), '') FROM (SELECT key FROM millrace_job ORDER BY key);"

    /// Three rows, embedded.
    private func shop() async throws -> (Workshop, Source) {
        let shop = try await Workshop()
        try shop.shell(
            "INSERT INTO parts_master_features(id, part_id, feature_text) VALUES (1,'A','bolt'),(2,'B','nut'),(3,'C',NULL);"
        )
        let source = try await shop.attachParts()
        try await shop.work()
        return (shop, source)
    }

    @Test func `a new row waits for its embedding`() async throws {
        let (shop, _) = try await shop()
        try shop.shell("INSERT INTO parts_master_features(id, feature_text) VALUES (4,'washer');")
        #expect(try shop.shell(state) == "1|completed|-\n2|completed|-\n3|skipped|-\n4|pending|available")
    }

    @Test func `a row that comes with a status of its own waits all the same`() async throws {
        let (shop, source) = try await shop()
        try shop.shell(
            "INSERT INTO parts_master_features(id, feature_text, embedding_status) VALUES (4,'x','completed'),(5,'y','z');"
        )
        #expect(try shop.shell(jobs) == "4,5")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `only a real change of the text is one`() async throws {
        let (shop, source) = try await shop()
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

    @Test(arguments: ["NULL", "''", "'  '||char(9,10)", "char(12288)"])
    func `text taken away is skipped and its vector goes`(blank: String) async throws {
        let (shop, source) = try await shop()
        try shop.shell("UPDATE parts_master_features SET feature_text = \(blank) WHERE id = 1;")
        try await shop.work()
        #expect(
            try shop.shell("SELECT embedding_status, clip_text_emb IS NULL FROM parts_master_features WHERE id=1;")
                == "skipped|1")
        try await shop.expectInStep(source)
    }

    @Test func `a deleted row takes its job and vector along and the feed hears of it`() async throws {
        let (shop, _) = try await shop()
        let item = try shop.shell("SELECT id FROM millrace_embedding WHERE key='1';")
        try shop.shell(
            "UPDATE parts_master_features SET feature_text='x' WHERE id=1; DELETE FROM parts_master_features WHERE id=1;"
        )
        #expect(try shop.shell(jobs) == "")
        #expect(try shop.shell("SELECT group_concat(key) FROM millrace_embedding;") == "2")
        #expect(try shop.shell("SELECT item_id FROM millrace_feed ORDER BY seq DESC LIMIT 1;") == item)
        try shop.shell("DELETE FROM parts_master_features;")
        #expect(try shop.shell("SELECT count(*) FROM millrace_embedding;") == "0")
    }

    @Test func `a row that gets another key is another row`() async throws {
        let (shop, source) = try await shop()
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

    @Test(arguments: ["OFF", "ON"])
    func `a replaced row is a new one`(recursive: String) async throws {
        let (shop, source) = try await shop()
        try shop.shell(
            "PRAGMA recursive_triggers=\(recursive); INSERT OR REPLACE INTO parts_master_features(id, feature_text) VALUES (1,'new');"
        )
        #expect(try shop.shell(jobs) == "1")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `REPLACE on another unique column leaves a ghost, which the sweep finds`() async throws {
        let (shop, source) = try await shop()
        try shop.shell(
            "CREATE UNIQUE INDEX part ON parts_master_features(part_id); INSERT OR REPLACE INTO parts_master_features(id, part_id, feature_text) VALUES (9,'A','again');"
        )
        try await shop.work()
        #expect(try shop.shell("SELECT group_concat(key) FROM millrace_embedding;") == "1,2,9")
        var findings = Sweep.Findings()
        (findings.rows, findings.ghosts) = (3, 1)
        #expect(try await shop.sweep(source) == findings)
        try await shop.expectInStep(source)
    }

    @Test func `pending set by hand schedules one row, many rows and failed rows`() async throws {
        let (shop, source) = try await shop()
        try shop.shell("UPDATE parts_master_features SET embedding_status='pending' WHERE id=2;")
        #expect(try shop.shell(jobs) == "2")
        try shop.shell("UPDATE parts_master_features SET embedding_status='pending';")
        #expect(try shop.shell(jobs) == "1,2,3")
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

    @Test func `an edit makes a job that waits for its retry available at once`() async throws {
        let (shop, _) = try await shop()
        shop.embedder.change { $0.failing = ["bad": .runtimeFailure] }
        try shop.shell("UPDATE parts_master_features SET feature_text='bad' WHERE id=1;")
        try await shop.work()
        #expect(try shop.shell(state).hasPrefix("1|pending|scheduled\n"))
        try shop.shell("UPDATE parts_master_features SET feature_text='good' WHERE id=1;")
        #expect(try shop.shell(state).hasPrefix("1|pending|available\n"))
        #expect(try shop.shell("SELECT attempt, run_at IS NULL FROM millrace_job;") == "0|1")
    }

    @Test func `an edit before the backfill has come by is not taken for the old text's row`() async throws {
        let shop = try await Workshop()
        try shop.shell(
            "INSERT INTO parts_master_features(id, feature_text, clip_text_emb) VALUES (1,'old','[1,0,0,0,0,0,0,0]');")
        let source = try await shop.attachment.add(shop.partsRequest).source
        try shop.shell("UPDATE parts_master_features SET feature_text='new';")
        try await shop.takeIn(source, .missing)
        #expect(try shop.shell(state) == "1|pending|available")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `10,000 rows changed in one statement are 10,000 jobs`() async throws {
        let shop = try await Workshop()
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        try shop.shell("INSERT INTO parts_master_features(feature_text) \(numbers) SELECT 'part ' || i FROM n;")
        let source = try await shop.attachParts()
        try await shop.work(batch: 1000)
        #expect(
            try shop.shell("UPDATE parts_master_features SET feature_text = feature_text || '!'; SELECT changes();")
                == "10000")
        #expect(try shop.shell("SELECT count(*) FROM millrace_job WHERE state='available';") == "10000")
        try await shop.work(batch: 1000)
        try await shop.expectInStep(source)
    }

    @Test func `the user's own triggers and foreign keys keep working beside ours`() async throws {
        let shop = try await Workshop(
            """
            CREATE TABLE maker(id INTEGER PRIMARY KEY);
            CREATE TABLE t(
                id INTEGER PRIMARY KEY, maker INT REFERENCES maker(id) ON DELETE CASCADE ON UPDATE CASCADE, body TEXT, v TEXT,
                updated_at TEXT);
            CREATE TABLE log(what TEXT);
            CREATE TRIGGER touch AFTER UPDATE ON t BEGIN UPDATE t SET updated_at='touched' WHERE id=NEW.id; END;
            CREATE TRIGGER tidy AFTER INSERT ON t BEGIN UPDATE t SET body=trim(NEW.body) WHERE id=NEW.id; END;
            CREATE TRIGGER gone AFTER DELETE ON t BEGIN INSERT INTO log VALUES ('gone ' || OLD.id); END;
            """)
        let source = try await shop.attach(shop.request("t", text: ["body"], into: "v"))
        try shop.shell("INSERT INTO maker VALUES (1),(2); INSERT INTO t(maker, body) VALUES (1,' a '),(2,' b ');")
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT group_concat(body) FROM t;") == "a,b")
        try shop.shell("PRAGMA foreign_keys=ON; DELETE FROM maker WHERE id=1;")
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT what FROM log;") == "gone 1")
    }

    @Test func `what Millrace writes looks like no wish of the user's`() async throws {
        let (shop, source) = try await shop()
        try shop.shell("UPDATE parts_master_features SET feature_text='again' WHERE id=1;")
        let (_, jobs) = try await shop.claim()
        #expect(try shop.shell(state).hasPrefix("1|processing|running\n"))
        try await shop.queue.handBack(jobs)
        #expect(try shop.shell("SELECT state, wanted_rev FROM millrace_job;") == "available|1")
        #expect(try shop.shell(state).hasPrefix("1|pending|available\n"))
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT count(*) FROM millrace_guard;") == "0")
    }
}
