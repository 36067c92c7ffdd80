import Core
import TestDatabases
import Testing

@testable import Sources

/// Columns of the types that the extension pgvector brings, on a server that has it.
struct PgvectorTests {
    private static let schema = """
        CREATE EXTENSION vector;
        CREATE TABLE t(id int PRIMARY KEY, body text, full_v vector(8), half_v halfvec(8), any_v vector, short_v vector(3));
        INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, NULL);
        """

    private func shop(_ server: PrivateServer, _ schema: String = schema) async throws -> Workshop {
        try await Workshop(.postgres, schema, on: server.url)
    }

    @Test func `vectors are written, edited and taken away in columns of every kind, and searched there`() async throws
    {
        let server = try await PrivateServer(hasPgvector: true)
        for (column, format) in [("full_v", VectorFormat.vector), ("any_v", .vector), ("half_v", .halfvec)] {
            let shop = try await shop(server)
            let source = try await shop.attach(shop.request("t", text: ["body"], into: column))
            #expect(source.definition.format == format)
            try await shop.work()
            try expectVectors(shop, column, ["1": "one", "2": "two"])
            try shop.shell("CREATE INDEX ON t USING hnsw ((\(column)::vector(8)) vector_cosine_ops);")
            try shop.shell(
                "INSERT INTO t VALUES (4, 'four'); UPDATE t SET body = 'edited' WHERE id = 1; UPDATE t SET body = ' ' WHERE id = 2;"
            )
            try await shop.work()
            try expectVectors(shop, column, ["1": "edited", "4": "four"])
            let text = format.text(shop.embedder.vector("four"))
            #expect(
                try shop.shell("SELECT id FROM t ORDER BY \(column)::vector(8) <=> '\(text)' LIMIT 1;") == "4")
            #expect(try await shop.sweep(source).isClean)
            // Attached anew, the vectors are taken over.
            _ = try await shop.attachment.remove("t", erases: false)
            let calls = shop.embedder.calls.count
            let again = try await shop.attach(shop.request("t", text: ["body"], into: column))
            try await shop.work()
            #expect(shop.embedder.calls.count == calls)
            #expect(try await shop.sweep(again).isClean)
            _ = try await shop.attachment.remove("t", erases: true)
            try expectVectors(shop, column, [:])
        }
    }

    /// What the column holds, read back as the user's programs do.
    private func expectVectors(
        _ shop: Workshop, _ column: String, _ texts: [String: String], _ place: SourceLocation = #_sourceLocation
    ) throws {
        let lines = try shop.shell("SELECT id, \(column) FROM t WHERE \(column) IS NOT NULL ORDER BY id;")
            .split(separator: "\n").map { $0.split(separator: "|").map(String.init) }
        #expect(lines.map { $0[0] } == texts.keys.sorted(), sourceLocation: place)
        for line in lines {
            let wanted = shop.embedder.vector(texts[line[0]] ?? "")
            let isHalf = column == "half_v"
            #expect(
                VectorFormat.vector(in: .text(line[1]), dimension: 8)
                    == wanted.map { isHalf ? Float(Float16($0)) : $0 }, sourceLocation: place)
        }
    }

    @Test func `a number beyond halfvec's range fails its row alone, with the server's words`() async throws {
        let server = try await PrivateServer(hasPgvector: true)
        let shop = try await shop(server)
        shop.embedder.change { $0.lengths = ["two": 300_000] }
        _ = try await shop.attach(shop.request("t", text: ["body"], into: "half_v"))
        try await shop.work()
        #expect(
            try shop.shell("SELECT string_agg(embedding_status, ',' ORDER BY id) FROM t;")
                == "completed,failed,skipped")
        #expect(try shop.shell("SELECT error FROM millrace_job_dead;").contains("is out of range for type halfvec"))
    }

    @Test func `a column of another length is refused, and one that is made so suspends its source`() async throws {
        let server = try await PrivateServer(hasPgvector: true)
        let shop = try await shop(server)
        let refused = try await refusal {
            try await shop.attachment.add(shop.request("t", text: ["body"], into: "short_v"))
        }
        #expect(
            refused?.message
                == "column \"short_v\" of \"public.t\" is vector(3), but the model's vectors have 8 numbers: make it vector(8), or name another model with --model"
        )
        let source = try await shop.attach(shop.request("t", text: ["body"], into: "full_v"))
        let space = shop.embedder.space
        let upkeep = SourceUpkeep(database: shop.database, logger: .quiet) { _ in space }
        _ = try await upkeep.tick(now: .now)
        try await shop.work()
        try shop.shell(
            "UPDATE t SET full_v = NULL; ALTER TABLE t ALTER full_v TYPE vector(3); UPDATE t SET body = 'new' WHERE id = 1;"
        )
        _ = try await upkeep.tick(now: .now)
        try await shop.work()
        let faulty = try await shop.reread(source)
        #expect(faulty.state == .suspended)
        #expect(
            faulty.definition.fault?.contains("is vector(3), but the model's vectors have 8 numbers") == true)
        #expect(try shop.shell("SELECT count(*) FROM millrace_job_dead;") == "0")
        try shop.shell("ALTER TABLE t ALTER full_v TYPE vector(8);")
        _ = try await upkeep.tick(now: .now)
        try await shop.work()
        try expectVectors(shop, "full_v", ["1": "new", "2": "two"])
    }

    @Test func `the extension may be in a schema of its own, and go while a source is attached`() async throws {
        let server = try await PrivateServer(hasPgvector: true)
        let shop = try await shop(
            server,
            """
            CREATE SCHEMA tools; CREATE EXTENSION vector SCHEMA tools;
            CREATE TABLE t(id int PRIMARY KEY, body text, full_v tools.vector(8)); INSERT INTO t VALUES (1, 'one');
            """)
        let source = try await shop.attach(shop.request("t", text: ["body"], into: "full_v"))
        try await shop.work()
        try expectVectors(shop, "full_v", ["1": "one"])
        let space = shop.embedder.space
        let upkeep = SourceUpkeep(database: shop.database, logger: .quiet) { _ in space }
        _ = try await upkeep.tick(now: .now)
        try shop.shell("DROP EXTENSION vector CASCADE; UPDATE t SET body = 'new';")
        _ = try await upkeep.tick(now: .now)
        try await shop.work()
        #expect(try await shop.reread(source).state == .suspended)
        #expect(try shop.shell("SELECT count(*) FROM t;") == "1")
    }
}
