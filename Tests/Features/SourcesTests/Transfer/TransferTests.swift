import Core
import Embedding
import Testing

@testable import Sources

struct TransferTests {
    @Test func `an installation moves with every row in its state, and nothing is embedded again`() async throws {
        let move = try await Move()
        try await Self.fillReferenceTable(of: move)
        let (before, counts) = (try Self.vectors(move.origin), try Self.statuses(move.origin))

        let outcome = try await move.run()

        #expect(outcome.report.tables == [.init(table: "public.parts_master_features", rows: 12, isMade: true)])
        #expect(
            outcome.report.collections
                == [.init(collection: "parts_master_features", embeddings: 7, jobs: 3, dead: 1)])
        #expect(try Self.vectors(move.target) == before)
        #expect(counts == "completed|7\nfailed|2\npending|1\nprocessing|1\nskipped|1")
        #expect(try Self.statuses(move.target) == "completed|7\nfailed|2\npending|2\nskipped|1")
        let jobs = "SELECT quote(key), state, attempt, crashes, worker_id IS NULL FROM millrace_job ORDER BY id"
        #expect(try move.target.shell(jobs) == "'9'|available|0|0|t\n'10'|held|0|3|t\n'11'|available|0|0|t")
        let names = "SELECT value FROM millrace_meta WHERE name = 'database_id'"
        #expect(try move.target.shell(names) == (try move.origin.shell(names)))

        // What is left is exactly what was left: two rows that nobody had embedded yet.
        let source = try #require(try await move.target.database.read { try SourceStore().all(on: $0) }.first)
        #expect(source.state == .active)
        #expect(try await move.target.sweep(source).isClean)
        try await move.target.work()
        #expect(Set(move.target.embedder.texts) == ["part 9", "part 11"])
    }

    /// Twelve rows: seven embedded, one failed for good, one held, one skipped, one running, one waiting.
    static func fillReferenceTable(of move: Move) async throws {
        let shop = move.origin
        try await shop.attachParts()
        let rows = (1...8).map { "(\($0), 'P\($0)', 'part \($0)')" }.joined(separator: ", ")
        try shop.shell(
            "INSERT INTO parts_master_features(id, part_id, feature_text) VALUES \(rows), (12, 'P12', '  ')")
        shop.embedder.change { $0.failing = ["part 8": .badInput] }
        try await shop.work()
        let more = [9, 10, 11].map { "(\($0), 'P\($0)', 'part \($0)')" }.joined(separator: ", ")
        try shop.shell("INSERT INTO parts_master_features(id, part_id, feature_text) VALUES \(more)")
        // One is in the hands of a worker that no longer beats, one killed its worker thrice.
        try shop.shell(
            """
            INSERT INTO millrace_guard VALUES (1);
            UPDATE millrace_job SET state = 'running', fence = 3, worker_id = 1, claimed_rev = wanted_rev WHERE key = '9';
            UPDATE parts_master_features SET embedding_status = 'processing' WHERE id = 9;
            UPDATE millrace_job SET state = 'held', crashes = 3, alone_crashes = 3 WHERE key = '10';
            UPDATE parts_master_features SET embedding_status = 'failed' WHERE id = 10;
            DELETE FROM millrace_guard;
            """)
        try move.stopWorkers()
    }

    static func vectors(_ shop: Workshop) throws -> String {
        try shop.shell(
            """
            SELECT id, source_id, quote(key), space, lower(hex(input_hash)), lower(hex(vector)), embedded_at
            FROM millrace_embedding ORDER BY id
            """)
    }

    static func statuses(_ shop: Workshop) throws -> String {
        try shop.shell(
            "SELECT embedding_status, COUNT(*) FROM parts_master_features GROUP BY embedding_status ORDER BY 1")
    }

    /// Tables whose keys are of one kind each.
    static let oddTables = OddTable.all.filter { $0.testDescription != "keys of any type" }

    @Test(arguments: oddTables)
    func `odd tables, names and keys move and are watched`(_ table: OddTable) async throws {
        let move = try await Move(table.schema)
        var request = move.origin.request(table.table, key: table.key, text: table.text, into: table.into)
        request.template = table.template
        try await move.origin.attach(request)
        try move.origin.shell(table.insert)
        try await move.origin.work()
        try move.stopWorkers()

        try await move.run()

        try await move.expectNothingToDo()
        let source = try #require(try await move.target.database.read { try SourceStore().all(on: $0) }.first)
        try await move.target.expectInStep(source)
        // The triggers see what is written from now on.
        let name = source.definition.tableName.quoted
        try move.target.shell("UPDATE \(name) SET \(Identifier(source.definition.text[0])) = NULL")
        try await move.target.work()
        try await move.target.expectInStep(source)
        try move.target.shell("DELETE FROM \(name)")
        #expect(try move.target.shell("SELECT COUNT(*) FROM millrace_embedding") == "0")
    }

    /// Declaration of the key, and keys as SQLite writes them.
    static let keys = [
        ("k REAL PRIMARY KEY NOT NULL", "1.5, 1e20, -0.25, 1e-7, 5.0, 9e999, 0.1"),
        ("k BLOB PRIMARY KEY NOT NULL", "x'', x'00ff', x'27'"),
        ("k NUMERIC PRIMARY KEY NOT NULL", "1, 2.5, 1e19, -3"),
        ("k DECIMAL(10,2) PRIMARY KEY NOT NULL", "1, 2"),
        ("k UNIQUE NOT NULL", "0.5, 1.25"),
        ("k DATETIME PRIMARY KEY NOT NULL", "'2026-01-31T12:00:00+09:00', '2026-01-31 12:00:00'"),
        ("k BOOLEAN PRIMARY KEY NOT NULL", "0, 1"),
        ("k TEXT PRIMARY KEY NOT NULL", #"'it''s', 'a\b', '{"x"}', ' ', 'é', 'e' || char(769), 'NULL', '1'"#),
        ("k INTEGER PRIMARY KEY", "9223372036854775807, -9223372036854775808, 0"),
    ]

    @Test(arguments: keys)
    func `keys of every type are spelled as PostgreSQL's triggers spell them`(
        _ declaration: String, _ values: String
    ) async throws {
        let move = try await Move("CREATE TABLE t(\(declaration), x TEXT, v TEXT);")
        try await move.origin.attach(move.origin.request("t", key: ["k"], text: ["x"], into: "v"))
        for value in values.split(separator: ", ") {
            try move.origin.shell("INSERT INTO t(k, x) VALUES (\(value), quote(\(value)) || ' text')")
        }
        try await move.origin.work()
        // Work that waits is known by its key too.
        try move.origin.shell("UPDATE t SET x = 'later ' || rowid WHERE k = (SELECT MAX(k) FROM t)")
        try move.stopWorkers()

        let outcome = try await move.run()

        let count = values.split(separator: ", ").count
        #expect(outcome.report.tables.map(\.rows) == [count])
        #expect(outcome.report.collections.map(\.jobs) == [1])
        let source = try #require(try await move.target.database.read { try SourceStore().all(on: $0) }.first)
        #expect(try await move.target.sweep(source).isClean)
        try await move.target.work()
        #expect(move.target.embedder.texts.count == 1)
        try await move.target.expectInStep(source)
        _ = try await move.target.sweep(source)
    }

    @Test func `inputs that the databases spell differently are not embedded again`() async throws {
        let move = try await Move(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, price REAL, size NUMERIC, v BLOB);")
        var request = move.origin.request("t", text: ["name", "price", "size"], into: "v")
        request.template = "{name} costs {price}, {size}"
        try await move.origin.attach(request)
        try move.origin.shell(
            "INSERT INTO t(name, price, size) VALUES ('bolt', 5, 1.0), ('nut', 1e20, 2.5), (NULL, 0.1, NULL), ('x', 1e-7, 3)"
        )
        move.origin.embedder.change { $0.failing = ["x costs 1e-07, 3": .badInput] }
        try await move.origin.work()
        try move.stopWorkers()
        #expect(try move.origin.shell("SELECT COUNT(*) FROM millrace_job_dead") == "1")

        try await move.run()

        #expect(try move.target.shell("SELECT price, size FROM t ORDER BY id") == "5|1\n1e+20|2.5\n0.1|\n1e-07|3")
        try await move.expectNothingToDo()
    }

    @Test func `sources of one table, one of them suspended, keep their states and their ids`() async throws {
        let move = try await Move()
        let shop = move.origin
        try await shop.attachParts()
        // An id that is not the next one.
        _ = try await shop.attachment.remove("parts_master_features", erases: false)
        let first = try await shop.attachParts()
        try shop.shell("ALTER TABLE parts_master_features ADD COLUMN second TEXT")
        var request = shop.request("parts_master_features", text: ["part_id"], into: "second")
        request.collection = "second"
        let second = try await shop.attach(request)
        try shop.shell("INSERT INTO parts_master_features(part_id, feature_text) VALUES ('a', 'one'), ('b', 'two')")
        try await shop.work()
        try await shop.attachment.suspend("second")
        try move.stopWorkers()

        try await move.run()

        let sources = try await move.target.database.read { try SourceStore().all(on: $0) }
        #expect(sources.map(\.id) == [first.id, second.id])
        #expect(sources.map(\.state) == [.active, .suspended])
        #expect(sources.map(\.definition.status) == ["embedding_status", "embedding_status_second"])
        try await move.target.attachment.resume("second")
        try await move.expectNothingToDo()
        #expect(try await move.target.reread(sources[1]).state == .active)
    }

    @Test func `a backfill that is not finished goes on, and embeds only what is missing`() async throws {
        let move = try await Move()
        let shop = move.origin
        try shop.shell(
            "INSERT INTO parts_master_features(feature_text) VALUES ('a'), ('b'), ('c'), ('d'), ('e')")
        let source = try await shop.attachment.add(shop.partsRequest).source
        let backfill = Backfill(database: shop.database, source: source, space: shop.embedder.space, pageSize: 2)
        try await backfill.start(.missing)
        _ = try await backfill.step()
        try await shop.work()
        try move.stopWorkers()
        let embedded = shop.embedder.texts

        try await move.run()

        let moved = try #require(try await move.target.database.read { try SourceStore().all(on: $0) }.first)
        #expect(moved.state == .backfilling)
        let rest = Backfill(database: move.target.database, source: moved, space: shop.embedder.space)
        while try await !rest.step().isFinished {}
        try await move.target.work()
        #expect(Set(move.target.embedder.texts).isDisjoint(with: embedded))
        #expect(try await move.target.sweep(moved).isClean)
        #expect(try Self.statuses(move.target) == "completed|5")
    }

    @Test func `numbers that were given are not given again`() async throws {
        let move = try await Move("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT, v TEXT);")
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        try move.origin.shell("INSERT INTO t(x) VALUES ('a'), ('b'), ('c'); DELETE FROM t WHERE id = 3;")
        try await move.origin.work()
        try move.stopWorkers()
        let fence = Int(try move.origin.shell("SELECT value FROM millrace_counter WHERE name = 'fence'")) ?? 0
        let head = try await move.origin.database.read { try FeedStore().head(on: $0) }

        try await move.run()

        #expect(try move.target.shell("INSERT INTO t(x) VALUES ('d') RETURNING id") == "4")
        #expect(Int(try move.target.shell("SELECT nextval('millrace.fence')")) == fence + 1)
        let item = Int(try move.target.shell("SELECT nextval('millrace.embedding_id_seq')")) ?? 0
        #expect(
            item > Int(try move.origin.shell("SELECT seq FROM sqlite_sequence WHERE name='millrace_embedding'")) ?? 0)
        // Who followed the origin's feed is told to read anew, or has missed nothing.
        let feed = try await move.target.database.read { connection in
            (try FeedStore().head(on: connection), try FeedStore().floor(on: connection))
        }
        #expect(feed == (head, head))
        #expect(try move.target.shell("SELECT nextval('millrace.feed_seq_seq')") == String(head + 1))
    }
}
