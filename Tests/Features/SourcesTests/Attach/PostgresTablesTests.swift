import Core
import TestDatabases
import Testing

@testable import Sources

/// Tables that are not like the reference table, in PostgreSQL's own types and names.
struct PostgresTablesTests {
    static let tables = [
        OddTable(
            testDescription: "composite key in another order, quotes and commas in it",
            schema: "CREATE TABLE t(a varchar(20), b smallint, x text, v jsonb, PRIMARY KEY (a, b));",
            table: "t", key: ["b", "a"], text: ["x"], into: "v",
            insert: "INSERT INTO t(a,b,x) VALUES ('o''k',1,'one'),('o''k',2,'two'),('p,q',1,'three \\ \"four\"')",
            change: "UPDATE t SET x='two and a half' WHERE b=2", delete: "DELETE FROM t WHERE a='p,q'"),
        OddTable(
            testDescription: "uuid key, json text, bytea vector",
            schema: "CREATE TABLE t(id uuid PRIMARY KEY DEFAULT gen_random_uuid(), x json, v bytea);",
            table: "t", key: ["id"], text: ["x"], into: "v",
            insert: #"INSERT INTO t(x) VALUES ('{"a": 1}'),('{"b":"한글"}')"#, change: #"UPDATE t SET x='{"a":  1}'"#,
            delete: "DELETE FROM t"),
        OddTable(
            testDescription: "numeric and date key, two texts of other types, a template",
            schema:
                "CREATE TABLE t(n numeric, d date, title varchar(50), price numeric(9,2), v real[], UNIQUE (n, d)); ALTER TABLE t ALTER n SET NOT NULL, ALTER d SET NOT NULL;",
            table: "t", key: ["n", "d"], text: ["title", "price"], template: "{title} × {price}", into: "v",
            insert: "INSERT INTO t(n,d,title,price) VALUES (1.0,'2026-01-31','a',1.5),(2.50,'2026-02-01',NULL,NULL)",
            change: "UPDATE t SET price=1.50; UPDATE t SET n = 1.00 WHERE n = 1; UPDATE t SET d = d + 1",
            delete: "DELETE FROM t WHERE n=2.5"),
        OddTable(
            testDescription: "timestamptz key written in another zone and style",
            schema: "CREATE TABLE t(at timestamptz PRIMARY KEY, x text, v double precision[]);",
            table: "t", key: ["at"], text: ["x"], into: "v",
            insert:
                "SET timezone='Asia/Seoul'; SET datestyle='German'; INSERT INTO t(at,x) VALUES ('2026-01-31 12:00:00.123456','a'),('2026-02-01 00:00','b')",
            change: "SET timezone='America/New_York'; SET datestyle='SQL, DMY'; UPDATE t SET x='c'",
            delete: "SET timezone='Asia/Tokyo'; DELETE FROM t WHERE x='c'"),
        OddTable(
            testDescription: "domain, generated and identity columns",
            schema:
                "CREATE DOMAIN sku AS text CHECK (value <> ''); CREATE TABLE t(id bigint GENERATED ALWAYS AS IDENTITY, code sku NOT NULL, low text GENERATED ALWAYS AS (lower(code)) STORED NOT NULL UNIQUE, x text, v text);",
            table: "t", key: ["low"], text: ["x", "code"], into: "v",
            insert: "INSERT INTO t(code,x) VALUES ('Abc','one'),('Def',NULL)",
            change: "UPDATE t SET code='ABC' WHERE code='Abc'; UPDATE t SET code='Xyz' WHERE code='Def'",
            delete: "DELETE FROM t WHERE low='abc'"),
        OddTable(
            testDescription: "odd identifiers in an odd schema",
            schema:
                #"CREATE SCHEMA "My ""S"; CREATE TABLE "My ""S"."my ""table"" $millrace$ :k0"("id of" int PRIMARY KEY, "본 문" text, "select" text, "MixedCase v" varchar, tg_op text);"#,
            table: #""My ""S"."my ""table"" $millrace$ :k0""#, key: ["id of"], text: ["본 문", "select"],
            into: "MixedCase v",
            insert:
                #"INSERT INTO "My ""S"."my ""table"" $millrace$ :k0"("id of","본 문","select") VALUES (1,'안녕','하세요'),(2,'하나',NULL)"#,
            change: #"UPDATE "My ""S"."my ""table"" $millrace$ :k0" SET "select"='changed'"#,
            delete: #"DELETE FROM "My ""S"."my ""table"" $millrace$ :k0" WHERE "id of"=1"#),
        OddTable(
            testDescription: "a name as long as PostgreSQL has",
            schema: "CREATE TABLE \(String(repeating: "n", count: 63))(id int PRIMARY KEY, x text, v text);",
            table: String(repeating: "N", count: 63), key: ["id"], text: ["x"], into: "v",
            insert: "INSERT INTO \(String(repeating: "n", count: 63))(id,x) VALUES (1,'a'),(2,'b')",
            change: "UPDATE \(String(repeating: "n", count: 63)) SET x='c'",
            delete: "DELETE FROM \(String(repeating: "n", count: 63)) WHERE id=1"),
        OddTable(
            testDescription: "unlogged, with a status column of its own",
            schema: "CREATE UNLOGGED TABLE t(id int PRIMARY KEY, x text, v text, embedding_status varchar(12));",
            table: "t", key: ["id"], text: ["x"], into: "v", insert: "INSERT INTO t(id,x) VALUES (1,'a')",
            change: "UPDATE t SET x='b'", delete: "DELETE FROM t"),
    ]

    @Test(arguments: tables)
    func `a table of any shape is kept in step`(odd: OddTable) async throws {
        let shop = try await Workshop(.postgres, odd.schema + "\n" + odd.insert + ";")
        var request = shop.request(odd.table, key: odd.key, text: odd.text, into: odd.into)
        request.template = odd.template
        let source = try await shop.attach(request)
        try await shop.work()
        try await shop.expectInStep(source)
        for sql in [odd.change, odd.delete] {
            #expect(try shop.shell(sql + ";") == "")
            try await shop.work()
            try await shop.expectInStep(source)
        }
        #expect(try await shop.sweep(source).isClean)
        #expect(try await shop.database.read { try ObjectCheck(source).missing(on: $0) } == [])
        let (names, table) = (source.ddl.names, source.definition.tableName)
        #expect(try shop.shell("SELECT count(*) FROM \(table.quoted(names.statusView));") == "5")
        #expect(try shop.shell("SELECT count(*) FROM \(table.quoted(names.queueView));") == "0")
        let again = try await shop.attachment.add(request)
        #expect(!again.isNew && again.made.isEmpty)
        _ = try await shop.attachment.remove(source.collection, erases: false)
        #expect(try shop.shell("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal;") == "0")
    }

    @Test(arguments: [
        ("timestamptz", "timestamptz"), ("timestamp", "timestamp"), ("date", "date"), ("bigint", "unixSeconds"),
        ("numeric", "unixSeconds"), ("varchar(40)", "text"),
    ])
    func `the time column is written in its own type`(type: String, form: String) async throws {
        let shop = try await Workshop(
            .postgres,
            "CREATE TABLE t(id int PRIMARY KEY, body text, v text, updated_at \(type)); INSERT INTO t VALUES (1, 'a');")
        let source = try await shop.attach(shop.request("t", text: ["body"], into: "v"))
        #expect(source.definition.updatedForm?.rawValue == form)
        try await shop.work()
        let age =
            switch form {
            case "unixSeconds": "extract(epoch FROM now()) - updated_at"
            case "date": "current_date - updated_at"
            case "text": "extract(epoch FROM now() - (updated_at || 'Z')::timestamptz)"
            default: "extract(epoch FROM localtimestamp - updated_at::timestamp)"
            }
        #expect(try shop.shell("SELECT abs(\(age)) < 30 FROM t;") == "t")
        #expect(try shop.shell("SELECT count(*) FROM v_embedding_queue_t;") == "0")
    }

    @Test func `a timestamp without zone is written in the database's own zone`() async throws {
        let place = try await TestDatabase(.postgres)
        let admin = try await place.open()
        try await admin.runAlone("ALTER DATABASE \(place.name) SET timezone = 'Asia/Seoul'")
        await admin.close()
        let database = try await place.open()
        let row = try await database.read { connection in
            try connection.row(
                SQL(
                    postgres:
                        "SELECT reset_val, current_setting('TimeZone') FROM pg_settings WHERE name = 'TimeZone'"))
        }
        #expect(row?.text(0) == "Asia/Seoul" && row?.text(1) == "UTC")
        await database.close()
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let says: String
        var table = "t"
        var key = ["id"]
        var text = ["body"]
        var into = "v"
        var updated: String?

        static let all = [
            Case(
                testDescription: "unknown",
                says: "there is no table \"nowhere\" — tables are: keyless, ruled, t, shop.parts", table: "nowhere"),
            Case(testDescription: "unknown in a schema", says: "there is no table \"shop.t\"", table: "shop.t"),
            Case(testDescription: "open quote", says: "there is no table", table: "\"t"),
            Case(testDescription: "view", says: "is a view", table: "shown"),
            Case(testDescription: "system table", says: "belongs to PostgreSQL itself", table: "pg_class"),
            Case(testDescription: "our table", says: "belongs to Millrace itself", table: "millrace.job"),
            Case(testDescription: "sequence", says: "is no table", table: "s"),
            Case(testDescription: "rule", says: "has a rule \"never\"", table: "ruled"),
            Case(testDescription: "no key", says: "give the table a PRIMARY KEY", table: "keyless"),
            Case(
                testDescription: "deferrable key", says: "by a UNIQUE index over all rows that is not DEFERRABLE",
                key: ["later"]),
            Case(testDescription: "partial key", says: "does not identify a row", key: ["part"]),
            Case(testDescription: "nullable key", says: "may be NULL", key: ["code"]),
            Case(
                testDescription: "generated text", says: "is generated, and no trigger sees it change", text: ["made"]),
            Case(testDescription: "bytea text", says: "is bytea: name one that holds text", text: ["raw"]),
            Case(
                testDescription: "number for a vector",
                says: "is integer, which cannot hold a vector: use text, jsonb, real[]", into: "n"),
            Case(
                testDescription: "short column", says: "is character varying(20), too short for 8 numbers",
                into: "short"),
            Case(testDescription: "must be filled", says: "is NOT NULL", into: "must"),
            Case(testDescription: "no moment", says: "is integer[], which holds no moment", updated: "many"),
        ]
    }

    private static let schema = """
        CREATE TABLE t(id int PRIMARY KEY, code text UNIQUE, later int UNIQUE DEFERRABLE, part text NOT NULL DEFAULT '', body text,
            made text GENERATED ALWAYS AS (upper(body)) STORED, raw bytea, n int, short varchar(20), must text NOT NULL,
            many int[], v text);
        CREATE UNIQUE INDEX ON t(part) WHERE id > 5;
        CREATE VIEW shown AS SELECT * FROM t;
        CREATE SEQUENCE s;
        CREATE TABLE keyless(id int, body text, v text);
        CREATE SCHEMA shop; CREATE TABLE shop.parts(id int PRIMARY KEY, body text, v text);
        CREATE TABLE ruled(id int PRIMARY KEY, body text, v text);
        CREATE RULE never AS ON UPDATE TO ruled DO INSTEAD NOTHING;
        """

    @Test(arguments: Case.all)
    func `what cannot be is refused with its reason and changes nothing`(bad: Case) async throws {
        let shop = try await Workshop(.postgres, Self.schema)
        var request = shop.request(bad.table, key: bad.key, text: bad.text, into: bad.into)
        request.updated = bad.updated
        let added = try await refusal { [request] in try await shop.attachment.add(request) }
        let printed = try await refusal { [request] in try await shop.attachment.sql(for: request) }
        #expect(added?.message.contains(bad.says) == true, "\(added?.message ?? "accepted")")
        #expect(printed?.message == added?.message)
        #expect(
            try shop.shell(
                "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE 'trg%'; SELECT count(*) FROM millrace_source;"
            ) == "0\n0")
    }
}
