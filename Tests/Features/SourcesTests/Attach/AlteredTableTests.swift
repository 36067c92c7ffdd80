import Core
import TestDatabases
import Testing

@testable import Sources

/// A table that its owner alters, moves or takes away while it is attached, on PostgreSQL: its users go on writing, its
/// source alone stands still and says why, and nothing is lost when it is back.
struct AlteredTableTests {
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let away: String
        let back: String
        /// What the source's fault says.
        let says: String
        /// The table's name meanwhile.
        var table = "t"
        /// The text column's name meanwhile.
        var text = "body"
    }

    static let changes = [
        Change(
            testDescription: "text column renamed", away: "ALTER TABLE t RENAME COLUMN body TO words;",
            back: "ALTER TABLE t RENAME COLUMN words TO body;",
            says: "source \"t\" needs column \"body\", which \"public.t\" no longer has: bring the column back",
            text: "words"),
        Change(
            testDescription: "vector column renamed", away: "ALTER TABLE t RENAME COLUMN v TO vec;",
            back: "ALTER TABLE t RENAME COLUMN vec TO v;",
            says: "source \"t\" needs column \"v\", which \"public.t\" no longer has: bring the column back"),
        Change(
            testDescription: "text column dropped with the view that reads it",
            away:
                "ALTER TABLE t ADD COLUMN words text; UPDATE t SET words = body; ALTER TABLE t DROP COLUMN body CASCADE;",
            back: "ALTER TABLE t RENAME COLUMN words TO body;",
            says: "source \"t\" needs column \"body\", which \"public.t\" no longer has: bring the column back",
            text: "words"),
        Change(
            testDescription: "vector column of another type", away: "ALTER TABLE t ALTER v TYPE jsonb USING v::jsonb;",
            back: "ALTER TABLE t ALTER v TYPE text;",
            says: "column \"v\" of \"public.t\" is now jsonb, which source \"t\" was not attached for"),
        Change(
            testDescription: "vector column NOT NULL",
            away: "UPDATE t SET v = '' WHERE v IS NULL; ALTER TABLE t ALTER v SET NOT NULL, ALTER v SET DEFAULT '';",
            back: "ALTER TABLE t ALTER v DROP NOT NULL, ALTER v DROP DEFAULT; UPDATE t SET v = NULL WHERE v = '';",
            says: "column \"v\" of \"public.t\" is NOT NULL, but a row without text has no vector"),
        Change(
            testDescription: "table renamed", away: "ALTER TABLE t RENAME TO other;",
            back: "ALTER TABLE other RENAME TO t;",
            says: "source \"t\" has lost its table, nothing is deleted: bring \"public.t\" back", table: "other"),
        Change(
            testDescription: "table moved to another schema",
            away: "CREATE SCHEMA away; ALTER TABLE t SET SCHEMA away;",
            back: "ALTER TABLE away.t SET SCHEMA public;",
            says: "source \"t\" has lost its table, nothing is deleted: bring \"public.t\" back", table: "away.t"),
        Change(
            testDescription: "table dropped, a copy of it back",
            away:
                "CREATE TABLE copy AS SELECT id, body, v FROM t; ALTER TABLE copy ADD PRIMARY KEY (id); DROP TABLE t CASCADE;",
            back: "ALTER TABLE copy RENAME TO t;",
            says: "source \"t\" has lost its table, nothing is deleted: bring \"public.t\" back", table: "copy"),
    ]

    private func upkeep(_ shop: Workshop, as database: (any Database)? = nil) -> SourceUpkeep {
        let space = shop.embedder.space
        return SourceUpkeep(database: database ?? shop.database, logger: .quiet) { _ in space }
    }

    @Test(arguments: changes)
    func `its users go on writing, its source says what is wrong and goes on when that is mended`(
        change: Change
    ) async throws {
        let shop = try await Workshop(
            .postgres,
            """
            CREATE TABLE t(id int PRIMARY KEY, body text, v text); INSERT INTO t VALUES (1,'one'),(2,'two'),(3,'three');
            CREATE TABLE beside(id int PRIMARY KEY, body text, v text); INSERT INTO beside VALUES (1,'one');
            """)
        let source = try await shop.attach(shop.request("t", text: ["body"], into: "v"))
        let beside = try await shop.attach(shop.request("beside", text: ["body"], into: "v"))
        try await shop.work()
        let upkeep = upkeep(shop)
        _ = try await upkeep.tick(now: .now)
        #expect(try shop.shell(change.away) == "")

        // At once, before anybody has noticed.
        let (table, text) = (change.table, change.text)
        let writes = """
            INSERT INTO \(table)(id, \(text)) VALUES (4, 'four'); UPDATE \(table) SET \(text) = 'edited' WHERE id = 1;
            UPDATE \(table) SET id = 9 WHERE id = 3; DELETE FROM \(table) WHERE id = 2;
            """
        #expect(try shop.shell(writes) == "")
        _ = try await upkeep.tick(now: .now)
        let faulty = try await shop.reread(source)
        #expect(faulty.state == .suspended)
        #expect(faulty.definition.fault?.hasPrefix(change.says) == true, "\(faulty.definition.fault ?? "")")
        #expect(try shop.shell("UPDATE beside SET body = 'edited'; SELECT count(*) FROM millrace_job_dead;") == "0")
        try await shop.work()
        #expect(try shop.shell("SELECT embedding_status FROM beside;") == "completed")

        #expect(try shop.shell(change.back) == "")
        _ = try await upkeep.tick(now: .now)
        let mended = try await shop.reread(source)
        #expect(mended.state == .active && mended.definition.fault == nil, "\(mended.definition.fault ?? "")")
        try await shop.work()
        try await shop.expectInStep(mended)
        #expect(try shop.shell("SELECT string_agg(id::text, ',' ORDER BY id) FROM t;") == "1,4,9")
        _ = beside
    }

    @Test func `a table made anew and empty under the same name has no vectors and no jobs of the old one`()
        async throws
    {
        let shop = try await Workshop(
            .postgres,
            "CREATE TABLE t(id int PRIMARY KEY, body text, v text); INSERT INTO t VALUES (1,'one'),(2,'two');")
        let source = try await shop.attach(shop.request("t", text: ["body"], into: "v"))
        try await shop.work()
        let upkeep = upkeep(shop)
        _ = try await upkeep.tick(now: .now)
        try shop.shell("UPDATE t SET body = 'edited' WHERE id = 1;")
        #expect(
            try shop.shell("DROP TABLE t CASCADE; CREATE TABLE t(id int PRIMARY KEY, body text, v text);") == "")
        _ = try await upkeep.tick(now: .now)
        try await shop.work()
        #expect(try shop.shell("SELECT count(*) FROM millrace_embedding;") == "0")
        try shop.shell("INSERT INTO t VALUES (2, 'new');")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    /// A table of shopkeeper's and a worker of a role that may do only what it must.
    private func least(_ server: PrivateServer) async throws -> (Workshop, Source, EmbeddingWorker, any Database) {
        let shop = try await Workshop(
            .postgres,
            """
            CREATE ROLE shopkeeper; CREATE ROLE worker LOGIN; CREATE SCHEMA shop AUTHORIZATION shopkeeper;
            CREATE TABLE shop.t(id int PRIMARY KEY, body text, v text); ALTER TABLE shop.t OWNER TO shopkeeper;
            INSERT INTO shop.t VALUES (1,'one'),(2,'two');
            GRANT USAGE ON SCHEMA millrace TO worker;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA millrace TO worker;
            GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA millrace TO worker;
            GRANT USAGE ON SCHEMA shop TO worker;
            """, on: server.url)
        let database = try await shop.place.open(role: "worker")
        let request = shop.request("shop.t", text: ["body"], into: "v")
        try shop.shell(try await Sources.Attachment(database: database).sql(for: request))
        let source = try #require(try await database.read { try SourceStore().all(on: $0).first })
        let worker = EmbeddingWorker(
            database: database, queue: EmbeddingQueue(database: database), provider: shop.embedder,
            introduction: .init(name: "least", host: "here", pid: 1), logger: .quiet, onStuck: {})
        try await worker.register()
        return (shop, source, worker, database)
    }

    private func work(_ worker: EmbeddingWorker) async throws {
        let id = try #require(await worker.id)
        while case let jobs = try await worker.queue.claim(limit: 9, turn: 1, worker: id).jobs, !jobs.isEmpty {
            try await worker.process(jobs)
        }
    }

    @Test func `what a role may not mend its owner is told of, and the sweep keeps the table in step`() async throws {
        let server = try await PrivateServer()
        let (shop, source, worker, database) = try await least(server)
        let upkeep = upkeep(shop, as: database)
        while try await upkeep.tick(now: .now) {}
        try await work(worker)
        for name in ["ins_t", "upd_t"] { try shop.shell("DROP TRIGGER trg_auto_embedding_\(name) ON shop.t;") }
        try shop.shell("INSERT INTO shop.t VALUES (3, 'three'); UPDATE shop.t SET body = 'edited' WHERE id = 1;")
        _ = try await upkeep.tick(now: .now)
        try await work(worker)
        try await shop.expectInStep(source)
        // Attached again by the owner.
        let mended = try await shop.attachment.add(shop.request("shop.t", text: ["body"], into: "v"))
        #expect(mended.made == ["trigger trg_auto_embedding_ins_t", "trigger trg_auto_embedding_upd_t"])
        await database.close()
    }

    @Test(arguments: [
        (
            "REVOKE SELECT (body) ON shop.t FROM",
            "role worker may not read and write what it must of shop.t: let shopkeeper run GRANT SELECT (id, body, v, embedding_status), UPDATE (v, embedding_status) ON shop.t TO worker"
        ),
        (
            "REVOKE UPDATE (v) ON shop.t FROM",
            "role worker may not read and write what it must of shop.t: let shopkeeper run GRANT SELECT (id, body, v, embedding_status), UPDATE (v, embedding_status) ON shop.t TO worker"
        ),
        (
            "REVOKE USAGE ON SCHEMA shop FROM",
            "role worker may not use schema shop, where shop.t is: let shopkeeper run GRANT USAGE ON SCHEMA shop TO worker"
        ),
    ])
    func `a privilege that is taken back stands the source still until the GRANT that is named is run`(
        revoke: String, says: String
    ) async throws {
        let server = try await PrivateServer()
        let (shop, source, worker, database) = try await least(server)
        let upkeep = upkeep(shop, as: database)
        while try await upkeep.tick(now: .now) {}
        try await work(worker)
        try shop.shell("UPDATE shop.t SET body = 'edited' WHERE id = 1; \(revoke) worker;")
        // Whoever comes first, the worker or upkeep.
        try await work(worker)
        #expect(try await shop.reread(source).state == .suspended)
        #expect(try await shop.reread(source).definition.fault?.contains("GRANT") == true)
        _ = try await upkeep.tick(now: .now)
        let fault = try await shop.reread(source).definition.fault ?? ""
        #expect(fault == says)
        #expect(try shop.shell("SELECT count(*) FROM millrace_job_dead;") == "0")
        let grant = try #require(fault.firstRange(of: "GRANT")).lowerBound
        #expect(try shop.shell("\(fault[grant...]);") == "")
        _ = try await upkeep.tick(now: .now)
        #expect(try await shop.reread(source).state == .active)
        try await work(worker)
        try await shop.expectInStep(source)
        #expect(try await Sweep(database: database, source: source, space: shop.embedder.space).whole().isClean)
        await database.close()
    }
}
