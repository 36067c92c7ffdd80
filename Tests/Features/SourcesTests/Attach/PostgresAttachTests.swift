import Core
import Foundation
import Logging
import TestDatabases
import Testing

@testable import Sources

/// Attaching beside users, by owners of little, and what becomes of a source whose table its owner changes.
struct PostgresAttachTests {
    @Test func `the reference table gets the names it was promised`() async throws {
        let shop = try await Workshop(.postgres)
        let report = try await shop.attachment.add(shop.partsRequest)
        #expect(
            report.made == [
                "column embedding_status", "function trg_embedding_pending", "trigger trg_auto_embedding",
                "trigger trg_auto_embedding_ins", "trigger trg_auto_embedding_upd", "trigger trg_auto_embedding_del",
                "trigger trg_auto_embedding_trunc", "trigger trg_auto_embedding_again", "view v_embedding_status",
                "view v_embedding_queue", "index idx_embedding_status", "index idx_embedding_updated",
            ])
        let columns = "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid ="
        #expect(try shop.shell("\(columns) 'v_embedding_status'::regclass;") == "embedding_status,count,percentage")
        #expect(
            try shop.shell("\(columns) 'v_embedding_queue'::regclass;")
                == "id,part_id,feature_text,updated_at,age_seconds")
        #expect(
            try shop.shell("SELECT pg_typeof(updated_at) FROM v_embedding_queue RIGHT JOIN (SELECT 1) AS one ON true;")
                == "timestamp with time zone")
    }

    @Test func `attaching waits for nobody for long, and says whom it waits for`() async throws {
        let shop = try await Workshop(.postgres)
        let user = try Psql(shop.place.address)
        try user.tell("BEGIN; SELECT count(*) FROM parts_master_features;")
        let log = LogRecord()
        var attachment = Sources.Attachment(database: shop.database) { wait in
            log.logger.info("\(wait.table): \(wait.holders)")
        }
        attachment.lock.patience = .seconds(2.5)
        let (request, hurried) = (shop.partsRequest, attachment)
        async let refused = try refusal { try await hurried.add(request) }
        for _ in 0..<10 {
            // Other users write all the while.
            #expect(
                try shop.shell(
                    "SET lock_timeout = 1000; INSERT INTO parts_master_features(feature_text) VALUES ('x');") == "")
        }
        let answer = try await refused
        #expect(answer?.code == .tableBusy)
        // Also told while it waits, where a wait is long enough for it.
        #expect(answer?.message.contains("in use by pid") == true)
        #expect(log.messages.allSatisfy { $0.hasPrefix("public.parts_master_features: [pid ") })
        #expect(try shop.shell("SELECT count(*) FROM millrace_source;") == "0")
        try user.tell("COMMIT;")
        try user.end()
        let source = try await shop.attachParts()
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `an index that was left half made is made anew`() async throws {
        let shop = try await Workshop(.postgres)
        let source = try await shop.attachParts()
        try shop.shell(
            """
            DROP INDEX idx_embedding_status;
            INSERT INTO parts_master_features(feature_text) VALUES ('a'),('b');
            """)
        // Fails, and leaves an invalid one behind.
        #expect(
            try shop.shell(
                "CREATE UNIQUE INDEX CONCURRENTLY idx_embedding_status ON parts_master_features(embedding_status);"
            ).contains("could not create unique index"))
        let mended = try await shop.attachment.add(shop.partsRequest)
        #expect(mended.made == ["index idx_embedding_status"])
        #expect(try await shop.database.read { try ObjectCheck(source).missing(on: $0) } == [])
    }

    @Test func `attaching again changes nothing, and mends what is missing`() async throws {
        let shop = try await Workshop(.postgres)
        let source = try await shop.attachParts()
        let again = try await shop.attachment.add(shop.partsRequest)
        #expect(!again.isNew && again.made.isEmpty)
        try shop.shell(
            "DROP TRIGGER trg_auto_embedding_del ON parts_master_features; DROP VIEW v_embedding_queue; DROP INDEX idx_embedding_updated;"
        )
        let mended = try await shop.attachment.add(shop.partsRequest)
        #expect(
            mended.made == ["trigger trg_auto_embedding_del", "view v_embedding_queue", "index idx_embedding_updated"])
        #expect(try await shop.database.read { try ObjectCheck(source).missing(on: $0) } == [])
    }

    @Test func `two tables of one name in two schemas are two sources`() async throws {
        let shop = try await Workshop(
            .postgres,
            "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.t(id int PRIMARY KEY, x text, v text); CREATE TABLE b.t(id int PRIMARY KEY, x text, v text);"
        )
        let first = try await shop.attach(shop.request("a.t", text: ["x"], into: "v"))
        let second = try await shop.attach(shop.request("b.t", text: ["x"], into: "v"))
        #expect(first.collection == "t" && second.collection == "t_v")
        try shop.shell("INSERT INTO a.t VALUES (1,'a'); INSERT INTO b.t VALUES (1,'b'),(2,'c');")
        try await shop.work()
        try await shop.expectInStep(first)
        try await shop.expectInStep(second)
    }

    @Test func `names that others took are theirs until --replace is said`() async throws {
        let shop = try await Workshop(.postgres)
        try shop.shell(
            """
            CREATE FUNCTION trg_embedding_pending() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN NEW.part_id := 'theirs'; RETURN NEW; END $$;
            CREATE TRIGGER trg_auto_embedding BEFORE INSERT ON parts_master_features
                FOR EACH ROW EXECUTE FUNCTION trg_embedding_pending();
            """)
        var request = shop.partsRequest
        let refused = try await refusal { [request] in try await shop.attachment.add(request) }
        #expect(
            refused?.message
                == "the database already has function trg_embedding_pending, trigger trg_auto_embedding, made by someone else: add --replace to let Millrace replace them"
        )
        request.replacesObjects = true
        let report = try await shop.attachment.add(request)
        #expect(
            report.adopted == [
                "replaced function trg_embedding_pending", "replaced trigger trg_auto_embedding",
            ])
        try shop.shell("INSERT INTO parts_master_features(feature_text) VALUES ('a');")
        #expect(try shop.shell("SELECT count(part_id) FROM parts_master_features;") == "0")
    }

    @Test func `a worker's role that may do only what it must keeps a table in step`() async throws {
        let shop = try await Workshop(
            .postgres,
            "CREATE SCHEMA shop; CREATE TABLE shop.parts(id int PRIMARY KEY, x text, secret text, v text, updated_at timestamptz);"
        )
        let (owner, worker) = ("owner_\(shop.place.name)", "worker_\(shop.place.name)")
        try shop.shell(
            """
            CREATE ROLE \(owner); ALTER SCHEMA shop OWNER TO \(owner); ALTER TABLE shop.parts OWNER TO \(owner);
            GRANT postgres TO \(owner);
            CREATE ROLE \(worker) LOGIN; GRANT USAGE ON SCHEMA millrace TO \(worker);
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA millrace TO \(worker);
            GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA millrace TO \(worker);
            GRANT USAGE ON SCHEMA shop TO \(worker); GRANT SELECT (id) ON shop.parts TO \(worker);
            """)
        let database = try await shop.place.open(role: worker)
        let attachment = Sources.Attachment(database: database)
        let request = shop.request("shop.parts", text: ["x"], into: "v")
        let refused = try await refusal { try await attachment.add(request) }
        #expect(refused?.code == .notAllowed)
        #expect(refused?.message.contains("belongs to \(owner)") == true)
        let sql = try await attachment.sql(for: request)
        #expect(try shop.shell("SET ROLE \(owner);\n" + sql) == "1")
        let report = try await attachment.add(request)
        #expect(!report.isNew && report.made.isEmpty)
        let space = shop.embedder.space
        let backfill = Backfill(database: database, source: report.source, space: space)
        try await backfill.start(.missing)
        while try await !backfill.step().isFinished {}
        try shop.shell("INSERT INTO shop.parts VALUES (1, 'a', 'hush'), (2, 'b', 'hush');")
        let queue = EmbeddingQueue(database: database)
        let embedding = EmbeddingWorker(
            database: database, queue: queue, provider: shop.embedder,
            introduction: .init(name: "least", host: "here", pid: 1), logger: .quiet, onStuck: {})
        try await embedding.register()
        let id = try #require(await embedding.id)
        try await embedding.process(try await queue.claim(limit: 9, turn: 1, worker: id).jobs)
        let source = try await shop.reread(report.source)
        try await shop.expectInStep(source)
        #expect(try await Sweep(database: database, source: source, space: space).whole().isClean)
        await #expect(throws: DatabaseError.self) {
            try await database.read { try $0.rows(SQL(postgres: "SELECT secret FROM shop.parts")) }
        }
        await #expect(throws: DatabaseError.self) {
            try await database.write { try $0.run(SQL(postgres: "UPDATE shop.parts SET x = 'no'")) }
        }
        await database.close()
        try shop.shell(
            "DROP OWNED BY \(worker); DROP ROLE \(worker); REASSIGN OWNED BY \(owner) TO postgres; DROP ROLE \(owner);")
    }

    @Test func `row-level security is told at attach`() async throws {
        let shop = try await Workshop(.postgres)
        try shop.shell("ALTER TABLE parts_master_features ENABLE ROW LEVEL SECURITY;")
        let report = try await shop.attachment.add(shop.partsRequest)
        #expect(report.adopted.contains { $0.hasPrefix("row-level security of public.parts_master_features") })
    }

    @Test(arguments: [
        ("ALTER TABLE t RENAME TO other;", "ALTER TABLE other RENAME TO t;"),
        ("ALTER TABLE t RENAME COLUMN body TO words;", "ALTER TABLE t RENAME COLUMN words TO body;"),
        ("ALTER TABLE t RENAME COLUMN v TO vec;", "ALTER TABLE t RENAME COLUMN vec TO v;"),
    ])
    func `a renamed table or column suspends its source alone until it is back, and loses nothing`(
        away: String, back: String
    ) async throws {
        let shop = try await Workshop(
            .postgres,
            "CREATE TABLE t(id int PRIMARY KEY, body text, v text); INSERT INTO t VALUES (1,'one'),(2,'two');")
        let source = try await shop.attach(shop.request("t", text: ["body"], into: "v"))
        try await shop.work()
        let space = shop.embedder.space
        let upkeep = SourceUpkeep(database: shop.database, logger: .quiet) { _ in space }
        _ = try await upkeep.tick(now: .now)
        try shop.shell("UPDATE t SET body='edited' WHERE id=1;")
        #expect(try shop.shell(away) == "")
        _ = try await upkeep.tick(now: .now)
        try await shop.work()
        let faulty = try await shop.reread(source)
        #expect(faulty.state == .suspended && faulty.definition.fault != nil)
        #expect(try shop.shell("SELECT count(*) FROM millrace_embedding;") == "2")
        #expect(try shop.shell(back) == "")
        _ = try await upkeep.tick(now: .now)
        let mended = try await shop.reread(source)
        #expect(mended.state == .active && mended.definition.fault == nil)
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `a dump restored elsewhere is a source that goes on`() async throws {
        let (shop, other) = (try await Workshop(.postgres), try await TestDatabase(.postgres))
        let source = try await shop.attachParts()
        try shop.shell("INSERT INTO parts_master_features(feature_text) VALUES ('a'),('b');")
        try await shop.work()
        let file = shop.folder + "/dump.sql"
        try await Program.run("pg_dump", ["--dbname", shop.place.address, "--file", file])
        try await Program.run("psql", ["-XqAt", "-v", "ON_ERROR_STOP=1", "-f", file, other.address])
        let sql =
            "UPDATE parts_master_features SET feature_text='c' WHERE id=1; INSERT INTO parts_master_features(feature_text) VALUES ('d'); SELECT string_agg(key, ',' ORDER BY key) FROM millrace.job;"
        #expect(try await Program.run("psql", ["-XqAt", "-c", sql, other.address]) == "1,3")
        let database = try await other.open()
        #expect(try await database.read { try ObjectCheck(source).missing(on: $0) } == [])
        await database.close()
    }
}
