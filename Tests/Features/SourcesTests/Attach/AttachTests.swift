import Core
import Foundation
import Testing

@testable import Sources

struct AttachTests {
    @Test func `the reference table gets the names it was promised`() async throws {
        let shop = try await Workshop()
        let report = try await shop.attachment.add(shop.partsRequest)
        #expect(
            report.made == [
                "column embedding_status", "trigger trg_auto_embedding", "trigger trg_auto_embedding_ins",
                "trigger trg_auto_embedding_upd", "trigger trg_auto_embedding_key", "trigger trg_auto_embedding_del",
                "view v_embedding_status", "view v_embedding_queue", "index idx_embedding_status",
                "index idx_embedding_updated",
            ])
        let objects = try shop.shell(
            "SELECT type||' '||name FROM sqlite_schema WHERE name NOT LIKE 'millrace%' AND type<>'table' AND sql NOT NULL;"
        )
        #expect(Set(objects.split(separator: "\n").map(String.init)) == Set(report.made.dropFirst()))
        let columns = "SELECT group_concat(name) FROM pragma_table_info"
        #expect(try shop.shell("\(columns)('v_embedding_status');") == "embedding_status,count,percentage")
        #expect(try shop.shell("\(columns)('v_embedding_queue');") == "id,part_id,feature_text,updated_at,age_seconds")
    }

    @Test(arguments: Dialect.allCases) func `other tables get their name as suffix, a second source its column's too`(
        dialect: Dialect
    ) async throws {
        let shop = try await Workshop(
            dialect, "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, title TEXT, v TEXT, w BLOB);")
        let first = try await shop.attach(shop.request("notes", text: ["body"], into: "v"))
        let second = try await shop.attach(shop.request("notes", text: ["title"], into: "w"))
        #expect(first.definition.suffix == "_notes" && second.definition.suffix == "_notes_w")
        #expect(second.definition.status == "embedding_status_w" && second.collection == "notes_w")
        try shop.shell("INSERT INTO notes(body, title) VALUES ('a', 'b'), ('c', NULL);")
        try await shop.work()
        try await shop.expectInStep(first)
        try await shop.expectInStep(second)
        #expect(try shop.shell("SELECT count FROM v_embedding_status_notes_w WHERE embedding_status='skipped';") == "1")
    }

    @Test(arguments: Dialect.allCases) func `percentages have two decimals and zeros are shown`(dialect: Dialect)
        async throws
    {
        let shop = try await Workshop(dialect)
        let counts = "SELECT * FROM v_embedding_status;"
        let zero = shop.either(sqlite: "0.0", postgres: "0.00")
        try await shop.attachParts()
        #expect(
            try shop.shell(counts)
                == "pending|0|\(zero)\nprocessing|0|\(zero)\ncompleted|0|\(zero)\nfailed|0|\(zero)\nskipped|0|\(zero)")
        try shop.shell("INSERT INTO parts_master_features(feature_text) VALUES ('a'),('b'),(NULL);")
        try await shop.work()
        #expect(
            try shop.shell(counts)
                == "pending|0|\(zero)\nprocessing|0|\(zero)\ncompleted|2|66.67\nfailed|0|\(zero)\nskipped|1|33.33")
        // A word of somebody's own counts as pending, so that the shares add up.
        try shop.shell("UPDATE parts_master_features SET embedding_status='done' WHERE id=1;")
        #expect(try shop.shell(counts).hasPrefix("pending|1|33.33\n"))
    }

    @Test(arguments: Dialect.allCases) func `the queue view shows who waits and for how long`(dialect: Dialect)
        async throws
    {
        let shop = try await Workshop(dialect)
        try await shop.attachParts()
        try shop.shell(
            "INSERT INTO parts_master_features(part_id, feature_text, updated_at) VALUES ('P1','bolt',\(shop.either(sqlite: "datetime('now','-90 seconds')", postgres: "now() - interval '90 seconds'")));"
        )
        #expect(
            try shop.shell(
                "SELECT id, part_id, feature_text FROM v_embedding_queue WHERE age_seconds BETWEEN 89 AND 99;")
                == "1|P1|bolt")
        try await shop.work()
        #expect(try shop.shell("SELECT count(*) FROM v_embedding_queue;") == "0")
    }

    @Test(arguments: Dialect.allCases)
    func `rows with a usable vector start completed and can be searched, others are pending`(dialect: Dialect)
        async throws
    {
        let shop = try await Workshop(dialect)
        try shop.shell(
            """
            INSERT INTO parts_master_features(id, feature_text, clip_text_emb) VALUES
                (1,'has one','[3,0,0,0,0,0,0, 4]'), (2,'zeros','[0,0,0,0,0,0,0,0]'), (3,'short','[1,2]'), (4,'none',NULL),
                (5,'rubbish','[1,2,3,4,5,6,7,x]'), (6,'endless','[1,2,3,4,5,6,7,1e99]'), (7,NULL,'[1,0,0,0,0,0,0,0]');
            """)
        let source = try await shop.attachParts()
        #expect(
            try shop.shell("SELECT group_concat(id) FROM parts_master_features WHERE embedding_status='completed';")
                == "1")
        let kept = try await shop.database.read { try EmbeddingStore().page(after: 0, limit: 10, on: $0) }
        #expect(kept.map(\.vector) == [[0.6, 0, 0, 0, 0, 0, 0, 0.8]])
        #expect(try shop.shell("SELECT count(*) FROM millrace_feed;") == "1")
        try await shop.work()
        // The user's vector is left as it was written.
        #expect(try shop.shell("SELECT clip_text_emb FROM parts_master_features WHERE id=1;") == "[3,0,0,0,0,0,0, 4]")
        #expect(try await shop.sweep(source).isClean)
        #expect(try shop.shell("SELECT embedding_status FROM parts_master_features WHERE id=7;") == "skipped")

        try await shop.takeIn(source, .all)
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `a vector that the user brought is not lent to another row of equal text`(
        dialect: Dialect
    ) async throws {
        let shop = try await Workshop(dialect)
        try shop.shell(
            "INSERT INTO parts_master_features(id, feature_text, clip_text_emb) VALUES (1,'same','[1,0,0,0,0,0,0,0]');")
        let source = try await shop.attachParts()
        try shop.shell("INSERT INTO parts_master_features(id, feature_text) VALUES (2,'same');")
        try await shop.work()
        #expect(shop.embedder.texts == ["same"])
        try shop.shell("DELETE FROM parts_master_features WHERE id=1;")
        try await shop.expectInStep(source)
    }

    @Test func `attaching again changes nothing, and mends what is missing`() async throws {
        let shop = try await Workshop()
        try await shop.attachParts()
        let schema = "SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_schema ORDER BY name);"
        let before = try shop.shell(schema)
        let again = try await shop.attachment.add(shop.partsRequest)
        #expect(!again.isNew && again.made.isEmpty)
        #expect(try shop.shell(schema) == before)
        try shop.shell(
            "DROP TRIGGER trg_auto_embedding_del; DROP INDEX idx_embedding_status; DROP VIEW v_embedding_queue;")
        let mended = try await shop.attachment.add(shop.partsRequest)
        #expect(
            mended.made == ["trigger trg_auto_embedding_del", "view v_embedding_queue", "index idx_embedding_status"])
        #expect(try shop.shell(schema) == before)
    }

    @Test(arguments: [
        ("INTEGER", "1700000000", "unixSeconds"), ("INTEGER", "1700000000000", "unixMilliseconds"),
        ("INTEGER", "NULL", "unixSeconds"), ("TEXT", "'2026-01-01 00:00:00'", "text"),
        ("DATETIME", "1700000000000", "unixMilliseconds"), ("REAL", "1700000000.5", "unixSeconds"),
    ])
    func `the time column is written as it was found`(type: String, value: String, form: String) async throws {
        let shop = try await Workshop(
            .sqlite,
            """
            CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT, v TEXT, updated_at \(type));
            INSERT INTO t(body, updated_at) VALUES ('a', \(value));
            """)
        let source = try await shop.attach(shop.request("t", text: ["body"], into: "v"))
        #expect(source.definition.updatedForm?.rawValue == form)
        try await shop.work()
        let age =
            switch form {
            case "unixSeconds": "strftime('%s','now') - updated_at"
            case "unixMilliseconds": "strftime('%s','now') - updated_at / 1000"
            default: "(julianday('now') - julianday(updated_at)) * 86400"
            }
        #expect(try shop.shell("SELECT abs(\(age)) < 30 FROM t;") == "1")
    }

    @Test func `the owner's own triggers are named, for they see our writes`() async throws {
        let shop = try await Workshop()
        try shop.shell(
            """
            CREATE TRIGGER touch AFTER UPDATE ON parts_master_features BEGIN
                UPDATE parts_master_features SET updated_at='touched' WHERE id=NEW.id; END;
            """)
        let report = try await shop.attachment.add(shop.partsRequest)
        #expect(report.adopted == ["trigger touch of yours, which also sees what Millrace writes"])
    }
}
