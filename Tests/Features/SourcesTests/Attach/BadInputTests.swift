import Core
import TestDatabases
import Testing

@testable import Sources

/// What `source add` refuses: each with its own sentence, and with nothing changed.
struct BadInputTests {
    static let schema =
        Workshop.parts(.sqlite) + """
            CREATE TABLE t(
                id INTEGER PRIMARY KEY, code TEXT UNIQUE, kind TEXT, body TEXT, v TEXT, number INTEGER, must TEXT NOT NULL,
                made TEXT AS (upper(body)), real_v REAL);
            CREATE VIEW shown AS SELECT * FROM t;
            CREATE TABLE keyless(body TEXT, v TEXT);
            CREATE TABLE gaps(sku TEXT PRIMARY KEY, body TEXT, v TEXT);
            INSERT INTO gaps(sku) VALUES (NULL);
            CREATE VIRTUAL TABLE searchable USING fts5(body, v);
            """

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: SourceError.Code
        let says: String
        var table = "t"
        var key = ["id"]
        var text = ["body"]
        var into = "v"
        var template: String?
        var status: String?
        var updated: String?

        static let all = [
            Case(
                testDescription: "unknown table", code: .unknownTable,
                says: "there is no table \"nowhere\" — tables are: gaps, keyless", table: "nowhere"),
            Case(testDescription: "view", code: .unknownTable, says: "is a view: name the table", table: "shown"),
            Case(
                testDescription: "virtual table", code: .unknownTable, says: "is a virtual table", table: "searchable"),
            Case(
                testDescription: "Millrace's table", code: .unknownTable, says: "belongs to Millrace itself",
                table: "Millrace_job"),
            Case(
                testDescription: "SQLite's table", code: .unknownTable, says: "belongs to SQLite itself",
                table: "sqlite_schema"),
            Case(
                testDescription: "unknown text column", code: .unknownColumn,
                says: "has no column \"txt\" (--text) — columns are: id, code, kind", text: ["txt"]),
            Case(testDescription: "unknown key", code: .unknownColumn, says: "(--key)", key: ["uid"]),
            Case(testDescription: "unknown vector column", code: .unknownColumn, says: "(--into)", into: "vec"),
            Case(testDescription: "unknown time column", code: .unknownColumn, says: "(--updated)", updated: "when"),
            Case(testDescription: "no text column", code: .unknownColumn, says: "add --text COLUMN", text: []),
            Case(testDescription: "no key", code: .badKey, says: "use --key id or --key code", key: []),
            Case(
                testDescription: "key that repeats", code: .badKey,
                says: "kind does not identify a row of \"t\": use --key id", key: ["kind"]),
            Case(
                testDescription: "table without any key", code: .badKey, says: "give the table a PRIMARY KEY",
                table: "keyless", key: ["body"]),
            Case(
                testDescription: "nullable key", code: .badKey,
                says: "may be NULL: declare it NOT NULL, or use --key id", key: ["code"]),
            Case(
                testDescription: "key with NULLs", code: .badKey, says: "is NULL in some rows", table: "gaps",
                key: ["sku"]),
            Case(
                testDescription: "generated text column", code: .unknownColumn,
                says: "is generated, and no trigger sees it change", text: ["made"]),
            Case(
                testDescription: "generated vector column", code: .badVectorColumn,
                says: "is generated: name a plain one", into: "made"),
            Case(
                testDescription: "integer vector column", code: .badVectorColumn,
                says: "is INTEGER, which cannot hold a vector: use a TEXT column", into: "number"),
            Case(testDescription: "real vector column", code: .badVectorColumn, says: "is REAL", into: "real_v"),
            Case(
                testDescription: "vector column that must be filled", code: .badVectorColumn, says: "is NOT NULL",
                into: "must"),
            Case(
                testDescription: "vector into the key", code: .badVectorColumn,
                says: "is the key column already: name another for --into", into: "id"),
            Case(
                testDescription: "vector into the text", code: .badVectorColumn, says: "is the text column already",
                into: "body"),
            Case(
                testDescription: "status into the text", code: .columnTaken,
                says: "is the text column already: name another for --status", status: "body"),
            Case(
                testDescription: "status into the key", code: .columnTaken, says: "is the key column already",
                status: "id"),
            Case(
                testDescription: "status into a number", code: .columnTaken,
                says: "is INTEGER and cannot hold a status", status: "number"),
            Case(
                testDescription: "time into the text", code: .columnTaken, says: "name another for --updated",
                updated: "body"),
            Case(
                testDescription: "template that is open", code: .badTemplate, says: "opens a brace", template: "{body"),
            Case(
                testDescription: "template closed too often", code: .badTemplate, says: "closes a brace",
                template: "{body}}"),
            Case(
                testDescription: "template of another column", code: .badTemplate,
                says: "names {kind}, which is not among the text columns body: add it to --text", template: "{kind}"),
            Case(
                testDescription: "template without a column", code: .badTemplate, says: "names no column: write {body}",
                template: "text"),
        ]
    }

    @Test(arguments: Case.all)
    func `what cannot be is refused with its reason and changes nothing`(bad: Case) async throws {
        let shop = try await Workshop(.sqlite, Self.schema)
        var request = shop.request(bad.table, key: bad.key, text: bad.text, into: bad.into)
        request.template = bad.template
        request.status = bad.status
        request.updated = bad.updated
        let schema = "SELECT count(*), max(rootpage) FROM sqlite_schema; SELECT count(*) FROM millrace_source;"
        let before = try shop.shell(schema)
        let added = try await refusal { [request] in try await shop.attachment.add(request) }
        let printed = try await refusal { [request] in try await shop.attachment.sql(for: request) }
        #expect(added?.code == bad.code)
        let message = added?.message ?? "accepted"
        #expect(message.contains(bad.says))
        #expect(printed?.message == added?.message)
        #expect(try shop.shell(schema) == before)
    }

    @Test(arguments: Dialect.allCases)
    func `a database without Millrace's tables stays so when a source is refused, or its SQL printed`(dialect: Dialect)
        async throws
    {
        let place = try await TestDatabase(dialect)
        let database = try await place.open()
        try await database.write { try $0.script("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT, v TEXT)") }
        let attachment = Sources.Attachment(database: database)
        var request = AttachRequest(
            table: "t", key: ["id"], text: ["body"], into: "v", model: "hash", dimension: HashEmbedder.dimension)
        try await attachment.check(request)
        #expect(try await attachment.sql(for: request).contains("trg_auto_embedding"))
        request.table = "nowhere"
        let refused = try await refusal { [request] in try await attachment.check(request) }
        #expect(refused?.code == .unknownTable)
        #expect(try await database.missingMigrations().count == Migration.all.count)
        #expect(try await database.read { try TableShape.read("t", on: $0).has("embedding_status") } == false)
        await database.close()
    }

    @Test(arguments: ["text", "collection", "template", "model", "status", "dimension"])
    func `the same column once more with other settings is refused`(setting: String) async throws {
        let shop = try await Workshop(.sqlite, Self.schema)
        try await shop.attach(shop.request("t", text: ["body"], into: "v"))
        var request = shop.request("t", text: ["body"], into: "v")
        switch setting {
        case "text": request.text = ["kind"]
        case "collection": request.collection = "other"
        case "template": request.template = "{body}"
        case "model": request.model = "other"
        case "dimension": request.dimension = 9
        default: request.status = "kind"
        }
        let refused = try await refusal { [request] in try await shop.attachment.add(request) }
        #expect(refused?.code == .columnTaken)
        #expect(refused?.message.contains("already receives the vectors of source \"t\"") == true)
    }

    @Test func `a collection's name and a status column belong to one source`() async throws {
        let shop = try await Workshop(.sqlite, Self.schema)
        try await shop.attach(shop.request("t", text: ["body"], into: "v"))
        var request = shop.partsRequest
        request.collection = "t"
        let named = try await refusal { [request] in try await shop.attachment.add(request) }
        #expect(named?.code == .alreadyAttached)
        var second = shop.request("t", text: ["body"], into: "kind")
        second.status = "embedding_status"
        let shared = try await refusal { [second] in try await shop.attachment.add(second) }
        #expect(shared?.code == .columnTaken)
    }

    @Test func `names that others took are theirs until --replace is said`() async throws {
        let shop = try await Workshop()
        try shop.shell(
            "CREATE VIEW v_embedding_status AS SELECT 1; CREATE INDEX idx_embedding_status ON parts_master_features(part_id);"
        )
        var request = shop.partsRequest
        let refused = try await refusal { [request] in try await shop.attachment.add(request) }
        #expect(
            refused?.message
                == "the database already has view v_embedding_status, index idx_embedding_status, made by someone else: add --replace to let Millrace replace them"
        )
        #expect(
            try shop.shell(
                "SELECT count(*) FROM pragma_table_info('parts_master_features') WHERE name='embedding_status';") == "0"
        )
        request.replacesObjects = true
        let report = try await shop.attachment.add(request)
        #expect(report.adopted == ["replaced view v_embedding_status", "replaced index idx_embedding_status"])
        #expect(try shop.shell("SELECT count(*) FROM v_embedding_status;") == "5")
    }

    @Test func `a name of another kind is never dropped, nor a view that we do not make`() async throws {
        let shop = try await Workshop()
        try shop.shell("CREATE TABLE v_embedding_queue(a);")
        var request = shop.partsRequest
        request.replacesObjects = true
        let taken = try await refusal { [request] in try await shop.attachment.add(request) }
        #expect(taken?.code == .nameTaken)
        request.hasViews = false
        let source = try await shop.attach(request)
        _ = try await shop.attachment.remove(source.collection, erases: false)
        #expect(try shop.shell("SELECT count(*) FROM v_embedding_queue;") == "0")
    }

    @Test func `the names of one source are never taken by another`() async throws {
        let shop = try await Workshop(
            .sqlite,
            "CREATE TABLE a(id INTEGER PRIMARY KEY, x TEXT, v TEXT, b TEXT); CREATE TABLE a_b(id INTEGER PRIMARY KEY, x TEXT, v TEXT);"
        )
        try await shop.attach(shop.request("a", text: ["x"], into: "v"))
        try await shop.attach(shop.request("a", text: ["x"], into: "b"))
        var request = shop.request("a_b", text: ["x"], into: "v")
        request.replacesObjects = true
        let refused = try await refusal { [request] in try await shop.attachment.add(request) }
        #expect(refused?.code == .nameTaken)
        #expect(
            refused?.message
                == "source \"a_b\" already has a trigger named trg_auto_embedding_a_b: remove that source, or rename the table"
        )
    }
}
