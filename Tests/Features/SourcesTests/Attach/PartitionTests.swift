import Core
import TestDatabases
import Testing

@testable import Sources

/// A PostgreSQL table whose rows lie in partitions of two levels, in a schema of its own.
struct PartitionTests {
    private static let schema = """
        CREATE SCHEMA shop;
        CREATE TABLE shop."Odd Parts"(id int, region text, body text, v real[], PRIMARY KEY (id, region))
            PARTITION BY LIST (region);
        CREATE TABLE shop.kr PARTITION OF shop."Odd Parts" FOR VALUES IN ('kr');
        CREATE TABLE shop.eu PARTITION OF shop."Odd Parts" FOR VALUES IN ('de', 'fr') PARTITION BY LIST (region);
        CREATE TABLE shop.de PARTITION OF shop.eu FOR VALUES IN ('de');
        CREATE TABLE shop.fr PARTITION OF shop.eu FOR VALUES IN ('fr');
        INSERT INTO shop."Odd Parts" VALUES (1,'kr','bolt'),(2,'de','nut'),(3,'fr','washer');

        """

    private func shop() async throws -> (Workshop, Source) {
        let shop = try await Workshop(.postgres, Self.schema)
        let source = try await shop.attach(
            shop.request(#"shop."Odd Parts""#, key: ["id", "region"], text: ["body"], into: "v"))
        try await shop.work()
        try await shop.expectInStep(source)
        return (shop, source)
    }

    private func upkeep(_ shop: Workshop) -> SourceUpkeep {
        let space = shop.embedder.space
        return SourceUpkeep(database: shop.database, logger: .quiet) { _ in space }
    }

    @Test(arguments: [#""Odd Parts""#, "kr", "eu", "de"])
    func `a write to the table or straight to a partition is seen`(table: String) async throws {
        let (shop, source) = try await shop()
        let region = table == "kr" ? "kr" : "de"
        try shop.shell(
            """
            INSERT INTO shop.\(table) VALUES (10, '\(region)', 'new');
            UPDATE shop.\(table) SET body = body || '!' WHERE region = '\(region)' AND id < 10;
            """)
        let jobs = "SELECT count(*) FROM millrace_job;"
        #expect(try shop.shell(jobs) == "2")
        #expect(
            try shop.shell("SELECT DISTINCT embedding_status FROM shop.\(table) WHERE region = '\(region)';")
                == "pending")
        try await shop.work()
        try await shop.expectInStep(source)
        try shop.shell("DELETE FROM shop.\(table) WHERE region = '\(region)';")
        try await shop.expectInStep(source)
    }

    @Test func `a row that moves to another partition is another row`() async throws {
        let (shop, source) = try await shop()
        try shop.shell(#"UPDATE shop."Odd Parts" SET region = 'fr' WHERE id = 1;"#)
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT count(*) FROM millrace_embedding WHERE key = '1,''fr''';") == "1")
    }

    @Test func `a partition that is added later is watched too, with what it brings along`() async throws {
        let (shop, source) = try await shop()
        let upkeep = upkeep(shop)
        _ = try await upkeep.tick(now: .now)
        try shop.shell(
            """
            CREATE TABLE shop.jp(LIKE shop."Odd Parts" INCLUDING ALL);
            INSERT INTO shop.jp VALUES (20, 'jp', 'brought');
            ALTER TABLE shop."Odd Parts" ATTACH PARTITION shop.jp FOR VALUES IN ('jp');
            """)
        _ = try await upkeep.tick(now: .now)
        try await shop.work()
        try await shop.expectInStep(source)
        try shop.shell("UPDATE shop.jp SET body = 'direct'; INSERT INTO shop.jp VALUES (21, 'jp', 'more');")
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try await shop.database.read { try ObjectCheck(source).missing(on: $0) } == [])
    }

    @Test func `a partition that was in use when it was noticed is watched when it is free`() async throws {
        let (shop, source) = try await shop()
        let upkeep = upkeep(shop)
        _ = try await upkeep.tick(now: .now)
        try shop.shell(#"CREATE TABLE shop.us PARTITION OF shop."Odd Parts" FOR VALUES IN ('us');"#)
        let user = try Psql(shop.place.address)
        try user.tell(#"BEGIN; SELECT count(*) FROM shop."Odd Parts";"#)
        _ = try await upkeep.tick(now: .now)
        #expect(try await shop.database.read { try ObjectCheck(source).missing(on: $0) } != [])
        try user.tell("COMMIT;")
        try user.end()
        _ = try await upkeep.tick(now: .now)
        #expect(try await shop.database.read { try ObjectCheck(source).missing(on: $0) } == [])
    }

    @Test(arguments: ["TRUNCATE shop.de;", "ALTER TABLE shop.eu DETACH PARTITION shop.de;", "DROP TABLE shop.de;"])
    func `a partition emptied, taken off or dropped takes its vectors along`(sql: String) async throws {
        let (shop, source) = try await shop()
        let upkeep = upkeep(shop)
        _ = try await upkeep.tick(now: .now)
        #expect(try shop.shell(sql) == "")
        _ = try await upkeep.tick(now: .now)
        try await shop.expectInStep(source)
        try shop.shell(#"TRUNCATE shop."Odd Parts";"#)
        try await shop.expectInStep(source)
    }

    @Test func `every partition gets the indexes, those to come as well, and removal takes all away`() async throws {
        let (shop, source) = try await shop()
        let indexes =
            "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE indisvalid AND relname LIKE '%embedding_status%';"
        #expect(try shop.shell(indexes) == "5")
        try shop.shell(#"CREATE TABLE shop.us PARTITION OF shop."Odd Parts" FOR VALUES IN ('us');"#)
        #expect(try shop.shell(indexes) == "6")
        _ = try await shop.attachment.remove(source.collection, erases: true)
        #expect(try shop.shell(indexes) == "0")
        #expect(try shop.shell("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal;") == "0")
        #expect(try shop.shell(#"SELECT count(v) FROM shop."Odd Parts";"#) == "0")
        #expect(
            try shop.shell("SELECT count(*) FROM pg_attribute WHERE attname = 'embedding_status' AND NOT attisdropped;")
                == "0")
    }

    @Test func `a partition alone, and tables joined by inheritance, are refused`() async throws {
        let shop = try await Workshop(
            .postgres,
            Self.schema
                + "CREATE TABLE mother(id int PRIMARY KEY, x text, v text); CREATE TABLE child(PRIMARY KEY (id)) INHERITS (mother);"
        )
        let leaf = try await refusal {
            try await shop.attachment.add(shop.request("shop.kr", key: ["id", "region"], text: ["body"], into: "v"))
        }
        #expect(leaf?.message.hasPrefix(#""shop.kr" is a partition of shop."Odd Parts": attach that one"#) == true)
        for table in ["mother", "child"] {
            let refused = try await refusal {
                try await shop.attachment.add(shop.request(table, text: ["x"], into: "v"))
            }
            #expect(refused?.message.contains("NO INHERIT") == true)
        }
    }
}
