import Core
import Testing

@testable import Sources

struct RemovalTests {
    private let objects =
        "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%embedding%' AND name NOT LIKE '%millrace%';"
    private let vectors = "SELECT count(clip_text_emb) FROM parts_master_features;"

    private func shop() async throws -> Workshop {
        let shop = try await Workshop()
        try shop.shell("INSERT INTO parts_master_features(feature_text) VALUES ('bolt'),('nut');")
        try await shop.attachParts()
        try await shop.work()
        return shop
    }

    @Test(arguments: [false, true])
    func `removing takes away what Millrace made, and vectors only when asked`(erases: Bool) async throws {
        let shop = try await shop()
        let dropped = try await shop.attachment.remove("parts_master_features", erases: erases)
        #expect(dropped.count == 10 && dropped.last == "column embedding_status")
        #expect(try shop.shell(objects) == "0")
        #expect(try shop.shell(vectors) == (erases ? "0" : "2"))
        #expect(try shop.shell("SELECT count(*) FROM millrace_job; SELECT count(*) FROM millrace_embedding;") == "0\n0")
        // The index hears that both items are gone.
        #expect(try shop.shell("SELECT count(*) FROM millrace_feed;") == "4")
    }

    @Test func `a table attached anew takes its vectors over and embeds nothing twice`() async throws {
        let shop = try await shop()
        _ = try await shop.attachment.remove("parts_master_features", erases: false)
        let source = try await shop.attachParts()
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(shop.embedder.texts.count == 2)
    }

    @Test func `a status column of the owner's own is used and stays`() async throws {
        let shop = try await Workshop(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, Embedding_Status TEXT); INSERT INTO t(x) VALUES ('a');"
        )
        let report = try await shop.attachment.add(shop.request("t", text: ["x"], into: "v"))
        #expect(report.adopted == ["column Embedding_Status, already there"])
        try await shop.takeIn(report.source, .missing)
        try await shop.work()
        try await shop.expectInStep(report.source)
        _ = try await shop.attachment.remove("t", erases: false)
        #expect(try shop.shell("SELECT Embedding_Status FROM t;") == "completed")
    }

    @Test func `an unknown collection is answered with those there are`() async throws {
        let shop = try await shop()
        let refused = try await refusal { try await shop.attachment.remove("other", erases: false) }
        #expect(refused?.message == "no source is named \"other\" — sources are: parts_master_features")
    }

    @Test func `the printed SQL does in the bare program what source add does`() async throws {
        let (shop, other) = (try await Workshop(), try await Workshop())
        let rows =
            "INSERT INTO parts_master_features(feature_text, clip_text_emb) VALUES ('bolt', NULL), ('nut', '[1,0,0,0,0,0,0,0]');"
        try shop.shell(rows)
        try other.shell(rows)
        let sql = try await shop.attachment.sql(for: shop.partsRequest)
        #expect(try shop.shell(objects) == "0")
        #expect(try shop.shell(sql) == "")
        let source = try await other.attachment.add(other.partsRequest).source
        let schema = "SELECT sql FROM sqlite_schema ORDER BY name;"
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

    @Test func `a removed source's number is not given again, in print neither`() async throws {
        let shop = try await shop()
        _ = try await shop.attachment.remove("parts_master_features", erases: false)
        #expect(try await shop.attachment.sql(for: shop.partsRequest).contains("VALUES (2, 'parts_master_features'"))
    }
}
