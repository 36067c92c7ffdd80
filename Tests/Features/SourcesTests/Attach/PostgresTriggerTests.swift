import Core
import TestDatabases
import Testing

@testable import Sources

/// What only PostgreSQL's statements can do to a table.
struct PostgresTriggerTests {
    private let jobs = "SELECT COALESCE(string_agg(key, ',' ORDER BY key), '') FROM millrace_job;"

    /// Three rows, embedded.
    private func shop() async throws -> (Workshop, Source) {
        let shop = try await Workshop(.postgres)
        try shop.shell(
            "INSERT INTO parts_master_features(id, part_id, feature_text) VALUES (1,'A','bolt'),(2,'B','nut'),(3,'C',NULL);"
        )
        let source = try await shop.attachParts()
        try await shop.work()
        return (shop, source)
    }

    @Test func `an upsert that changes nothing wishes for nothing, one that changes the text does`() async throws {
        let (shop, source) = try await shop()
        let upsert =
            "INSERT INTO parts_master_features(id, feature_text) VALUES (1,'bolt'),(2,'nut!') ON CONFLICT (id)"
        try shop.shell("\(upsert) DO NOTHING;")
        #expect(try shop.shell(jobs) == "")
        try shop.shell("\(upsert) DO UPDATE SET feature_text = excluded.feature_text;")
        #expect(try shop.shell(jobs) == "2")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `COPY and MERGE are seen as any other write`() async throws {
        let (shop, source) = try await shop()
        try shop.shell("COPY parts_master_features(id, feature_text) FROM stdin;\n4\tcopied\n5\tas well\n\\.\n")
        #expect(try shop.shell(jobs) == "4,5")
        try await shop.work()
        try shop.shell(
            """
            MERGE INTO parts_master_features AS t
            USING (VALUES (1, 'bolt'), (2, 'merged'), (3, NULL), (9, 'new')) AS s(id, body) ON t.id = s.id
            WHEN MATCHED AND s.body IS NULL THEN DELETE
            WHEN MATCHED THEN UPDATE SET feature_text = s.body
            WHEN NOT MATCHED THEN INSERT (id, feature_text) VALUES (s.id, s.body);
            """)
        #expect(try shop.shell(jobs) == "2,9")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `a truncated table has no jobs and no vectors, and the feed hears of each`() async throws {
        let (shop, source) = try await shop()
        try shop.shell("UPDATE parts_master_features SET feature_text='x' WHERE id=1; TRUNCATE parts_master_features;")
        #expect(try shop.shell("SELECT count(*) FROM millrace_job; SELECT count(*) FROM millrace_embedding;") == "0\n0")
        #expect(try shop.shell("SELECT count(*) FROM millrace_feed;") == "4")
        try await shop.expectInStep(source)
    }

    @Test func `what a savepoint takes back was never wished for`() async throws {
        let (shop, source) = try await shop()
        try shop.shell(
            """
            BEGIN;
            UPDATE parts_master_features SET feature_text='kept' WHERE id=1;
            SAVEPOINT s;
            UPDATE parts_master_features SET feature_text='taken back' WHERE id=2;
            DELETE FROM parts_master_features WHERE id=1;
            ROLLBACK TO s;
            COMMIT;
            """)
        #expect(try shop.shell(jobs) == "1")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `a row taken out and put back in one statement is a new one`() async throws {
        let (shop, source) = try await shop()
        try shop.shell(
            """
            WITH gone AS (DELETE FROM parts_master_features WHERE id = 1 RETURNING id)
            INSERT INTO parts_master_features(id, feature_text) SELECT id, 'moved' FROM gone;
            """)
        #expect(try shop.shell(jobs) == "1")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `keys that move up in one statement keep each row's own text`() async throws {
        let shop = try await Workshop(
            .postgres, "CREATE TABLE t(k text PRIMARY KEY, x text, v text); INSERT INTO t VALUES ('b','B'),('c','C');")
        let source = try await shop.attach(shop.request("t", key: ["k"], text: ["x"], into: "v"))
        try await shop.work()
        try shop.shell("UPDATE t SET k = chr(ascii(k) - 1);")
        try await shop.work()
        try await shop.expectInStep(source)
        // Another spelling of a key is another key, whatever its type holds equal.
        try shop.shell("UPDATE t SET k = upper(k) WHERE k = 'a';")
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT string_agg(key, ' ' ORDER BY key) FROM millrace_embedding;") == "'A' 'b'")
    }

    @Test func `the user's own triggers work beside ours, and what they write is seen`() async throws {
        let shop = try await Workshop(
            .postgres,
            """
            CREATE TABLE maker(id int PRIMARY KEY);
            CREATE TABLE t(id int PRIMARY KEY, maker int REFERENCES maker ON DELETE CASCADE, body text, v text, touched int DEFAULT 0);
            CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN NEW.body := trim(NEW.body); NEW.touched := NEW.touched + 1; RETURN NEW; END $$;
            CREATE TRIGGER zz_tidy BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tidy();
            CREATE FUNCTION spread() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN UPDATE t SET body = 'after ' || NEW.id WHERE id = NEW.id + 1 AND body = 'wait'; RETURN NULL; END $$;
            """)
        let source = try await shop.attach(shop.request("t", text: ["body"], into: "v"))
        try shop.shell(
            "INSERT INTO maker VALUES (1),(2); INSERT INTO t(id, maker, body) VALUES (1,1,' a '),(2,2,'wait');")
        try await shop.work()
        try await shop.expectInStep(source)
        // Fired by our own write of the vector.
        try shop.shell(
            """
            CREATE TRIGGER spread AFTER UPDATE OF v ON t FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION spread();
            UPDATE t SET body = 'b' WHERE id = 1;
            """)
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT body FROM t WHERE id = 2;") == "after 1")
        try shop.shell("DELETE FROM maker WHERE id = 1;")
        try await shop.expectInStep(source)
    }

    @Test func `a text that is written anew while its vector is written is embedded anew`() async throws {
        let shop = try await Workshop(
            .postgres,
            "CREATE TABLE t(id int PRIMARY KEY, x text, v text); INSERT INTO t VALUES (1, ' padded ');")
        let source = try await shop.attach(shop.request("t", text: ["x"], into: "v"))
        // Made after the row was written, so that the first write it sees is ours.
        try shop.shell(
            """
            CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.x := trim(NEW.x); RETURN NEW; END $$;
            CREATE TRIGGER tidy BEFORE UPDATE OF v ON t FOR EACH ROW EXECUTE FUNCTION tidy();
            """)
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(shop.embedder.texts == [" padded ", "padded"])
    }

    @Test func `a trigger that lets a row pass by unwritten is told as the row's failure`() async throws {
        let shop = try await Workshop(
            .postgres, "CREATE TABLE t(id int PRIMARY KEY, x text, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b');")
        let source = try await shop.attach(shop.request("t", text: ["x"], into: "v"))
        try shop.shell(
            """
            CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER no BEFORE UPDATE ON t FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION no();
            """)
        try await shop.work()
        #expect(try shop.shell("SELECT key, reason FROM millrace_job_dead;") == "1|row_refused")
        #expect(try shop.shell("SELECT embedding_status FROM t WHERE id = 2;") == "completed")
        #expect(try await shop.reread(source).state == .active)
    }

    @Test func `replication and switched-off triggers pass by, and the sweep finds what they wrote`() async throws {
        let (shop, source) = try await shop()
        try shop.shell(
            """
            SET session_replication_role = replica;
            UPDATE parts_master_features SET feature_text='replicated' WHERE id=1;
            DELETE FROM parts_master_features WHERE id=2;
            SET session_replication_role = origin;
            ALTER TABLE parts_master_features DISABLE TRIGGER USER;
            INSERT INTO parts_master_features(id, feature_text) VALUES (4,'loaded');
            """)
        #expect(try shop.shell(jobs) == "")
        let findings = try await shop.sweep(source)
        #expect(findings.wanted == 2 && findings.ghosts == 1)
        let disabled = try await shop.database.read { try ObjectCheck(source).switchedOff(on: $0) }
        #expect(disabled.count == 6)
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `Millrace's schema can be dropped, and the table goes on working`() async throws {
        let (shop, _) = try await shop()
        try shop.shell("DROP SCHEMA millrace CASCADE;")
        #expect(try shop.shell("INSERT INTO parts_master_features(id, feature_text) VALUES (9, 'on');") == "")
        #expect(try shop.shell("UPDATE parts_master_features SET feature_text = 'off' WHERE id = 1;") == "")
    }

    @Test func `a role without any right in Millrace's schema writes the table all the same`() async throws {
        let (shop, source) = try await shop()
        let role = "clerk_\(shop.place.name)"
        try shop.shell(
            """
            CREATE ROLE \(role); GRANT SELECT, INSERT, UPDATE, DELETE ON parts_master_features TO \(role);
            SET ROLE \(role);
            UPDATE parts_master_features SET feature_text='clerk' WHERE id=1;
            INSERT INTO parts_master_features(id, feature_text) VALUES (7,'new');
            DELETE FROM parts_master_features WHERE id=2;
            RESET ROLE; DROP OWNED BY \(role); DROP ROLE \(role);
            """)
        #expect(try shop.shell(jobs) == "1,7")
        try await shop.work()
        try await shop.expectInStep(source)
    }
}
