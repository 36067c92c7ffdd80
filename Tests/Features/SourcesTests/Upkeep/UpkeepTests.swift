import Core
import Embedding
import TestDatabases
import Testing

@testable import Sources

struct UpkeepTests {
    private func shop(_ dialect: Dialect, rows: Int) async throws -> Workshop {
        let shop = try await Workshop(dialect)
        try shop.shell(
            """
            INSERT INTO parts_master_features(feature_text)
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows)) SELECT 'part ' || i FROM n;
            """)
        return shop
    }

    private func upkeep(_ shop: Workshop, sweepPage: Int = 500) -> SourceUpkeep {
        var settings = SourceUpkeep.Settings()
        settings.sweepPage = sweepPage
        let space = shop.embedder.space
        return SourceUpkeep(database: shop.database, settings: settings, logger: .quiet) { _ in space }
    }

    @Test(arguments: Dialect.allCases, [Backfill.Mode.missing, .all])
    func `a backfill goes on where it was killed, in its mode`(dialect: Dialect, mode: Backfill.Mode) async throws {
        let shop = try await shop(dialect, rows: 25)
        try shop.shell("UPDATE parts_master_features SET clip_text_emb='[1,0,0,0,0,0,0,0]' WHERE id % 2 = 0;")
        let source = try await shop.attachment.add(shop.partsRequest).source
        let first = Backfill(database: shop.database, source: source, space: shop.embedder.space, pageSize: 10)
        try await first.start(mode)
        #expect(try await first.step() == Backfill.Progress(done: 10, total: 25, isFinished: false))
        let second = Backfill(database: shop.database, source: source, space: shop.embedder.space, pageSize: 10)
        #expect(try await second.step() == Backfill.Progress(done: 20, total: 25, isFinished: false))
        #expect(try await second.step() == Backfill.Progress(done: 25, total: 25, isFinished: true))
        #expect(try await second.step().isFinished)
        #expect(try shop.shell("SELECT count(*) FROM millrace_job;") == (mode == .all ? "25" : "13"))
        try await shop.work()
        #expect(shop.embedder.texts.count == (mode == .all ? 25 : 13))
        #expect(try await shop.reread(source).state == .active)
    }

    @Test(arguments: Dialect.allCases)
    func `taking in once more leaves what is right and completes nothing that was edited`(dialect: Dialect) async throws
    {
        let shop = try await shop(dialect, rows: 5)
        let source = try await shop.attachParts()
        try await shop.work()
        try shop.shell("UPDATE parts_master_features SET feature_text='edited' WHERE id=1;")
        try shop.shell(
            shop.dropTrigger("upd") + "UPDATE parts_master_features SET feature_text='unseen' WHERE id=2;")
        try await shop.takeIn(source, .missing)
        #expect(
            try shop.shell("SELECT group_concat(key) FROM (SELECT key FROM millrace_job ORDER BY key) AS j;") == "1,2")
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(shop.embedder.texts.count == 7)
    }

    @Test(arguments: Dialect.allCases) func `a server finishes a backfill that source add did not`(dialect: Dialect)
        async throws
    {
        let shop = try await shop(dialect, rows: 1200)
        let source = try await shop.attachment.add(shop.partsRequest).source
        let upkeep = upkeep(shop)
        var rounds = 1
        while try await upkeep.tick(now: .now) { rounds += 1 }
        #expect(rounds == 3)
        try await shop.work(batch: 500)
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases)
    func `a running server leaves the vectors of a table just attached to the backfill`(dialect: Dialect) async throws {
        let shop = try await shop(dialect, rows: 600)
        try shop.shell("UPDATE parts_master_features SET clip_text_emb='[1,0,0,0,0,0,0,0]';")
        let upkeep = upkeep(shop)
        _ = try await upkeep.tick(now: .now)
        _ = try await shop.attachment.add(shop.partsRequest)
        while try await upkeep.tick(now: .now) {}
        _ = try await upkeep.tick(now: .now + .seconds(60))
        #expect(try shop.shell("SELECT count(*) FROM millrace_job;") == "0")
        #expect(try shop.shell("SELECT count FROM v_embedding_status WHERE embedding_status='completed';") == "600")
    }

    @Test(arguments: Dialect.allCases) func `the sweep finds what no trigger saw, both ways, and corrects the words`(
        dialect: Dialect
    ) async throws {
        let shop = try await shop(dialect, rows: 6)
        let source = try await shop.attachParts()
        try await shop.work()
        #expect(try await shop.sweep(source).isClean)
        try await shop.attachment.suspend("parts_master_features")
        try shop.shell(
            """
            UPDATE parts_master_features SET feature_text='stale' WHERE id=1;
            UPDATE parts_master_features SET clip_text_emb=NULL WHERE id=2;
            UPDATE parts_master_features SET embedding_status='processing' WHERE id=3;
            DELETE FROM parts_master_features WHERE id=4;
            INSERT INTO parts_master_features(id, feature_text) VALUES (7,'missing');
            UPDATE parts_master_features SET feature_text=NULL WHERE id=5;
            """)
        try await shop.attachment.resume("parts_master_features")
        var wanted = Sweep.Findings()
        (wanted.rows, wanted.wanted, wanted.relabelled, wanted.ghosts) = (6, 4, 1, 1)
        #expect(try await shop.sweep(source) == wanted)
        #expect(try await shop.sweep(source).isClean)
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try await shop.sweep(source).isClean)
    }

    @Test(arguments: Dialect.allCases) func `the quiet sweep comes round to everything, a page at a time`(
        dialect: Dialect
    ) async throws {
        let shop = try await shop(dialect, rows: 10)
        let source = try await shop.attachParts()
        try await shop.work()
        let upkeep = upkeep(shop, sweepPage: 4)
        var now = ContinuousClock.now
        _ = try await upkeep.tick(now: now)
        // Behind everybody's back: no schema changes, no trigger fires.
        try shop.shell(
            shop.either(sqlite: "INSERT INTO millrace_guard VALUES (1);", postgres: "SET millrace.internal = 'on';")
                + "UPDATE parts_master_features SET feature_text='x' WHERE id=9;"
                + shop.either(sqlite: "DELETE FROM millrace_guard;", postgres: "")
        )
        try shop.shell(
            "INSERT INTO millrace_embedding(source_id,key,space,input_hash,vector,embedded_at) SELECT 1,'99',space,input_hash,vector,1 FROM millrace_embedding LIMIT 1;"
        )
        for _ in 0..<8 {
            now += .seconds(6)
            _ = try await upkeep.tick(now: now)
        }
        #expect(
            try shop.shell("SELECT key FROM millrace_job; SELECT count(*) FROM millrace_embedding WHERE key='99';")
                == "9\n0")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `another model's space wants every row anew`(dialect: Dialect) async throws
    {
        let shop = try await shop(dialect, rows: 3)
        let source = try await shop.attachParts()
        try await shop.work()
        let sweep = Sweep(database: shop.database, source: source, space: Space(id: "hash-2", dimension: 8))
        let findings = try await sweep.whole()
        #expect(findings.wanted == 3)
    }
}
