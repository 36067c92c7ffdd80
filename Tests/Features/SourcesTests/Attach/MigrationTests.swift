import Core
import Logging
import TestDatabases
import Testing

@testable import Sources

/// What becomes of a source when its owner changes the table under it.
struct MigrationTests {
    private func shop(hasViews: Bool = true) async throws -> (Workshop, Source) {
        let shop = try await Workshop(
            .sqlite,
            "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT, v TEXT); INSERT INTO t(body) VALUES ('one'),('two'),('three');"
        )
        var request = shop.request("t", text: ["body"], into: "v")
        request.hasViews = hasViews
        let source = try await shop.attach(request)
        try await shop.work()
        return (shop, source)
    }

    private func upkeep(_ shop: Workshop, logger: Logger = .quiet) -> SourceUpkeep {
        let space = shop.embedder.space
        return SourceUpkeep(database: shop.database, logger: logger) { _ in space }
    }

    /// As SQLite's own documentation and migration tools do it.
    private static let rebuild = """
        BEGIN;
        CREATE TABLE new_t(id INTEGER PRIMARY KEY, body TEXT, v TEXT, extra TEXT, embedding_status TEXT NOT NULL DEFAULT 'pending');
        INSERT INTO new_t(id, body, v, embedding_status) SELECT id, body, v, embedding_status FROM t;
        DROP TABLE t;
        ALTER TABLE new_t RENAME TO t;
        COMMIT;
        """

    private static let edits = """
        UPDATE t SET body='edited' WHERE id=1; DELETE FROM t WHERE id=2; INSERT INTO t(body) VALUES ('four');
        """

    @Test(arguments: ["", "PRAGMA legacy_alter_table=ON;"])
    func `a rebuilt table gets its triggers back and what was written meanwhile is found`(pragma: String) async throws {
        let (shop, source) = try await shop(hasViews: !pragma.isEmpty)
        let upkeep = upkeep(shop)
        _ = try await upkeep.tick(now: .now)
        #expect(try shop.shell(pragma + Self.rebuild) == "")
        try shop.shell(Self.edits)
        #expect(try shop.shell("SELECT count(*) FROM sqlite_schema WHERE type='trigger';") == "0")
        _ = try await upkeep.tick(now: .now)
        #expect(try shop.shell("SELECT count(*) FROM sqlite_schema WHERE type='trigger';") == "5")
        #expect(try shop.shell("SELECT group_concat(key) FROM (SELECT key FROM millrace_job ORDER BY key);") == "1,4")
        try await shop.work()
        try await shop.expectInStep(source)
        try shop.shell("UPDATE t SET body='after' WHERE id=3;")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `views stand in a rebuild's way; suspend and resume let it by`() async throws {
        let (shop, source) = try await shop()
        #expect(try shop.shell(Self.rebuild).contains("error in view v_embedding_"))
        try await shop.attachment.suspend("t")
        let state = try await shop.reread(source).state
        #expect(state == .suspended)
        #expect(try shop.shell(Self.rebuild + Self.edits) == "")
        let upkeep = upkeep(shop)
        _ = try await upkeep.tick(now: .now)
        #expect(try shop.shell("SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view');") == "0")
        try await shop.attachment.resume("t")
        _ = try await upkeep.tick(now: .now)
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT count FROM v_embedding_status_t WHERE embedding_status='completed';") == "3")
    }

    @Test func `a rebuild that drops the status column gets it back`() async throws {
        let (shop, source) = try await shop(hasViews: false)
        let upkeep = upkeep(shop)
        _ = try await upkeep.tick(now: .now)
        try shop.shell(
            "CREATE TABLE n(id INTEGER PRIMARY KEY, body TEXT, v TEXT); INSERT INTO n SELECT id, body, v FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t;"
        )
        let calls = shop.embedder.texts.count
        _ = try await upkeep.tick(now: .now)
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(shop.embedder.texts.count == calls)
    }

    @Test func `while a suspended source rests no job of it is claimed, and a backfill goes on where it was`()
        async throws
    {
        let (shop, source) = try await shop()
        try shop.shell("UPDATE t SET body='edited' WHERE id=1;")
        try await Backfill(database: shop.database, source: source, space: shop.embedder.space).start(.all)
        try await shop.attachment.suspend("t")
        #expect(try await shop.claim().jobs.isEmpty)
        #expect(try await !shop.queue.hasWork())
        try await shop.attachment.resume("t")
        let state = try await shop.reread(source).state
        #expect(state == .backfilling)
        while try await upkeep(shop).tick(now: .now) {}
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: [
        ("ALTER TABLE t RENAME TO other;", "ALTER TABLE other RENAME TO t;"),
        ("ALTER TABLE t RENAME COLUMN body TO words;", "ALTER TABLE t RENAME COLUMN words TO body;"),
        ("ALTER TABLE t RENAME COLUMN v TO vec;", "ALTER TABLE t RENAME COLUMN vec TO v;"),
        ("ALTER TABLE t RENAME COLUMN id TO ident;", "ALTER TABLE t RENAME COLUMN ident TO id;"),
    ])
    func `a renamed table or column suspends its source alone until it is back, and loses nothing`(
        away: String, back: String
    ) async throws {
        let (shop, source) = try await shop()
        try shop.shell(Workshop.parts(.sqlite) + "INSERT INTO parts_master_features(feature_text) VALUES ('other');")
        let other = try await shop.attachParts()
        let log = LogRecord()
        let upkeep = upkeep(shop, logger: log.logger)
        _ = try await upkeep.tick(now: .now)
        try shop.shell("UPDATE t SET body='edited' WHERE id=1;")
        #expect(try shop.shell(away) == "")

        _ = try await upkeep.tick(now: .now)
        #expect(log.messages.contains("a source cannot be kept in step"))
        try await shop.work()
        let faulty = try await shop.reread(source)
        #expect(faulty.state == .suspended && faulty.definition.fault != nil)
        try await shop.work()
        #expect(try shop.shell("SELECT embedding_status FROM parts_master_features;") == "completed")
        #expect(try shop.shell("SELECT count(*), sum(state='available') FROM millrace_job;") == "1|1")
        #expect(try shop.shell("SELECT count(*) FROM millrace_embedding;") == "4")

        #expect(try shop.shell(back) == "")
        _ = try await upkeep.tick(now: .now)
        let mended = try await shop.reread(source)
        #expect(mended.state == .active && mended.definition.fault == nil)
        try await shop.work()
        try await shop.expectInStep(source)
        try await shop.expectInStep(other)
    }

    @Test func `a dropped table's source can be removed, and shows nothing until then`() async throws {
        let (shop, source) = try await shop()
        let items = try await shop.database.read { try EmbeddingStore().page(after: 0, limit: 9, on: $0) }.map(\.item)
        try shop.shell("DROP TABLE t;")
        let shown = try await SourceItems(database: shop.database).read(items)
        #expect(shown.isEmpty)
        let refused = try await refusal { try await shop.attachment.resume("t") }
        #expect(
            refused?.message.hasPrefix("source \"t\" has lost its table, nothing is deleted: bring \"t\" back") == true)
        _ = try await shop.attachment.remove(source.collection, erases: true)
        #expect(
            try shop.shell(
                "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%embedding_%' AND name NOT LIKE 'millrace%' AND name NOT LIKE 'sqlite%';"
            ) == "0")
        #expect(try shop.shell("SELECT count(*) FROM millrace_embedding;") == "0")
    }
}
