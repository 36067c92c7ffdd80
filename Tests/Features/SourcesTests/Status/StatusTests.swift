import Core
import Embedding
import Testing

@testable import Sources

struct StatusTests {
    private func failedShop(_ dialect: Dialect) async throws -> (Workshop, Source) {
        let shop = try await Workshop(dialect)
        try shop.shell("INSERT INTO parts_master_features(feature_text) VALUES ('bad'),('worse'),('good');")
        shop.embedder.change { $0.failing = ["bad": .badInput, "worse": .badInput] }
        let source = try await shop.attachParts()
        try await shop.work()
        return (shop, source)
    }

    @Test(arguments: Dialect.allCases) func `failed rows are tried again, all or chosen ones`(dialect: Dialect)
        async throws
    {
        let (shop, source) = try await failedShop(dialect)
        let failed = FailedRows(database: shop.database)
        let progress = try await shop.database.read { try SourceProgress.read(source, on: $0) }
        #expect(progress.counts == ["pending": 0, "processing": 0, "completed": 1, "failed": 2, "skipped": 0])
        #expect(progress.total == 3 && progress.open == 0 && progress.percentage == 100)
        #expect(try await failed.retry(reason: "other") == 0)
        #expect(try await failed.retry(key: "2") == 1)
        #expect(try shop.shell("SELECT key FROM millrace_job; SELECT key FROM millrace_job_dead;") == "2\n1")
        try shop.shell(
            "UPDATE millrace_job SET state = 'held'; UPDATE parts_master_features SET embedding_status='failed' WHERE id=2;"
        )
        #expect(try await failed.retry(collection: "parts_master_features") == 2)
        shop.embedder.change { $0.failing = [:] }
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try await failed.retry() == 0)
    }

    @Test(arguments: Dialect.allCases) func `items are shown as their rows are now`(dialect: Dialect) async throws {
        let (shop, source) = try await failedShop(dialect)
        let items = SourceItems(database: shop.database)
        let item = try #require(try await items.item(key: "3", of: source.id))
        try shop.shell("UPDATE parts_master_features SET feature_text='better' WHERE id=3;")
        let shown = try await items.read([item, 999])
        #expect(shown.count == 1 && shown[item]?.text == "better" && shown[item]?.key.description == "3")
        #expect(try await items.item(key: "4", of: source.id) == nil)
    }

    @Test func `a written key stands for numbers, texts and several columns`() {
        var definition = SourceDefinition(table: "t", key: ["a"], text: ["x"], into: "v", model: "m", dimension: 8)
        let one = Source(id: SourceID(1), collection: "t", definition: definition, state: .active)
        #expect(SourceKeys.candidates("17", of: one).map(\.literal) == ["'17'", "17", "17"])
        definition.key = ["a", "b"]
        let two = Source(id: SourceID(1), collection: "t", definition: definition, state: .active)
        #expect(SourceKeys.candidates("KR,7", of: two).map(\.literal).contains("'KR',7"))
        #expect(SourceKeys.candidates("'a,b',7", of: two).map(\.literal) == ["'a,b',7"])
    }
}
