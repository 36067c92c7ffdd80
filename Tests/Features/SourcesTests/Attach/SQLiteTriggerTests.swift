import Core
import Embedding
import Testing

@testable import Sources

/// What only SQLite's statements can do to a table, and its own kind of triggers beside ours.
struct SQLiteTriggerTests {
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

    @Test func `the user's own triggers and foreign keys keep working beside ours`() async throws {
        let shop = try await Workshop(
            .sqlite,
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
}
