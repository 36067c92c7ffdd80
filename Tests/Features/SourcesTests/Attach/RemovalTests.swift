import Core
import TestDatabases
import Testing

@testable import Sources

struct RemovalTests {
    /// How many of a source's objects the database has.
    private func objects(_ dialect: Dialect) -> String {
        dialect == .sqlite
            ? "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%embedding%' AND name NOT LIKE '%millrace%';"
            : """
            SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE '%embedding%')
                + (SELECT count(*) FROM pg_proc WHERE proname ~ '^(trg_embedding|source_)')
                + (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%embedding%');
            """
    }
    private let vectors = "SELECT count(clip_text_emb) FROM parts_master_features;"

    private func shop(_ dialect: Dialect) async throws -> Workshop {
        let shop = try await Workshop(dialect)
        try shop.shell("INSERT INTO parts_master_features(feature_text) VALUES ('bolt'),('nut');")
        try await shop.attachParts()
        try await shop.work()
        return shop
    }

    @Test(arguments: Dialect.allCases, [false, true])
    func `removing takes away what Millrace made, and vectors only when asked`(dialect: Dialect, erases: Bool)
        async throws
    {
        let shop = try await shop(dialect)
        let dropped = try await shop.attachment.remove("parts_master_features", erases: erases)
        #expect(dropped.count == (dialect == .sqlite ? 10 : 12) && dropped.last == "column embedding_status")
        #expect(try shop.shell(objects(dialect)) == "0")
        #expect(try shop.shell(vectors) == (erases ? "0" : "2"))
        #expect(try shop.shell("SELECT count(*) FROM millrace_job; SELECT count(*) FROM millrace_embedding;") == "0\n0")
        // The index hears that both items are gone.
        #expect(try shop.shell("SELECT count(*) FROM millrace_feed;") == "4")
    }

    @Test(arguments: Dialect.allCases) func `a table attached anew takes its vectors over and embeds nothing twice`(
        dialect: Dialect
    ) async throws {
        let shop = try await shop(dialect)
        _ = try await shop.attachment.remove("parts_master_features", erases: false)
        let source = try await shop.attachParts()
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(shop.embedder.texts.count == 2)
    }

    @Test(arguments: Dialect.allCases) func `a status column of the owner's own is used and stays`(dialect: Dialect)
        async throws
    {
        let shop = try await Workshop(
            dialect,
            "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, Embedding_Status TEXT); INSERT INTO t(x) VALUES ('a');"
        )
        let report = try await shop.attachment.add(shop.request("t", text: ["x"], into: "v"))
        #expect(
            report.adopted == [
                "column \(shop.either(sqlite: "Embedding_Status", postgres: "embedding_status")), already there"
            ])
        try await shop.takeIn(report.source, .missing)
        try await shop.work()
        try await shop.expectInStep(report.source)
        _ = try await shop.attachment.remove("t", erases: false)
        #expect(try shop.shell("SELECT Embedding_Status FROM t;") == "completed")
    }

    @Test(arguments: Dialect.allCases) func `an unknown collection is answered with those there are`(dialect: Dialect)
        async throws
    {
        let shop = try await shop(dialect)
        let refused = try await refusal { try await shop.attachment.remove("other", erases: false) }
        #expect(refused?.message == "no source is named \"other\" — sources are: parts_master_features")
    }

    @Test(arguments: Dialect.allCases) func `the printed SQL does in the bare program what source add does`(
        dialect: Dialect
    ) async throws {
        let (shop, other) = (try await Workshop(dialect), try await Workshop(dialect))
        let rows =
            "INSERT INTO parts_master_features(feature_text, clip_text_emb) VALUES ('bolt', NULL), ('nut', '[1,0,0,0,0,0,0,0]');"
        try shop.shell(rows)
        try other.shell(rows)
        let sql = try await shop.attachment.sql(for: shop.partsRequest)
        #expect(try shop.shell(objects(dialect)) == "0")
        #expect(try shop.shell(sql) == shop.either(sqlite: "", postgres: "1"))
        let source = try await other.attachment.add(other.partsRequest).source
        let schema = shop.either(
            sqlite: "SELECT sql FROM sqlite_schema ORDER BY name;",
            postgres: """
                SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1;
                SELECT pg_get_functiondef(oid), proacl, proowner FROM pg_proc WHERE proname ~ '^(trg_embedding|source_)' ORDER BY 1;
                SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1;
                SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1;
                SELECT attname, atttypid, attnotnull FROM pg_attribute WHERE attrelid = 'parts_master_features'::regclass ORDER BY 1;
                """)
        #expect(try shop.shell(schema) == other.shell(schema))
        let printed = try await shop.reread(source)
        #expect(printed == source)

        let space = shop.embedder.space
        let upkeep = SourceUpkeep(database: shop.database, logger: .quiet) { _ in space }
        while try await upkeep.tick(now: .now) {}
        try await shop.work()
        #expect(shop.embedder.texts == ["bolt"])
        try shop.shell("UPDATE parts_master_features SET feature_text = feature_text || '!';")
        try await shop.work()
        try await shop.expectInStep(source)
        let again = try await refusal { try await shop.attachment.sql(for: shop.partsRequest) }
        #expect(again?.code == .alreadyAttached)
    }

    @Test(arguments: Dialect.allCases) func `a removed source's number is not given again, in print neither`(
        dialect: Dialect
    ) async throws {
        let shop = try await shop(dialect)
        _ = try await shop.attachment.remove("parts_master_features", erases: false)
        #expect(try await shop.attachment.sql(for: shop.partsRequest).contains("VALUES (2, 'parts_master_features'"))
    }
}
