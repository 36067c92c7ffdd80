import Core
import Testing

@testable import Sources

/// What becomes of tables: keys, indexes, references, defaults; and of tables that the target has already.
struct TransferTableTests {
    @Test func `keys, indexes, defaults and references between attached tables are kept, the rest is said`()
        async throws
    {
        let move = try await Move(
            """
            CREATE TABLE shelf(code TEXT PRIMARY KEY NOT NULL, label TEXT NOT NULL, v TEXT);
            CREATE TABLE other(id INTEGER PRIMARY KEY);
            CREATE TABLE part(
                id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'no ''name''' COLLATE NOCASE, shelf TEXT REFERENCES shelf(code)
                    ON DELETE SET NULL, other INT REFERENCES other, price DECIMAL(10,2) DEFAULT 1.5 CHECK (price >= 0),
                made_at DATETIME DEFAULT CURRENT_TIMESTAMP, day DATE, isGood BOOLEAN DEFAULT TRUE, odd TEXT DEFAULT (lower('X')),
                whole TEXT GENERATED ALWAYS AS (name || '!') STORED, v BLOB, UNIQUE (name, shelf));
            CREATE INDEX part_by_price ON part(price DESC, day);
            CREATE UNIQUE INDEX part_day ON part(day, id);
            CREATE INDEX part_some ON part(price) WHERE price > 1;
            CREATE INDEX part_lower ON part(lower(name));
            CREATE TRIGGER mine AFTER DELETE ON part BEGIN SELECT 1; END;
            CREATE VIEW cheap AS SELECT * FROM part WHERE price < 1;
            CREATE VIEW unrelated AS SELECT 1 AS part_of_nothing;
            INSERT INTO shelf(code, label) VALUES ('A', 'left'), ('B', 'right');
            """)
        let shop = move.origin
        try await shop.attach(shop.request("shelf", key: ["code"], text: ["label"], into: "v"))
        try await shop.attach(shop.request("part", text: ["name"], into: "v"))
        try shop.shell(
            """
            INSERT INTO part(name, shelf, price, made_at, day, isGood) VALUES
                ('bolt', 'A', 12.5, '2026-01-31 12:00:00', '2026-01-31', 1), ('nut', NULL, 3, '2026-01-31T12:00:00+09:00', NULL, 0);
            """)
        try await shop.work()
        try move.stopWorkers()

        let outcome = try await move.run()

        try await move.expectNothingToDo()
        let columns = try move.target.shell(
            """
            SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity, pg_get_expr(adbin, adrelid)
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = 'part'::regclass AND attnum > 0 ORDER BY attnum
            """)
        #expect(
            columns == """
                id|bigint|t|d|
                name|text|t||'no ''name'''::text
                shelf|text|f||
                other|bigint|f||
                price|numeric|f||1.5
                made_at|timestamp with time zone|f||now()
                day|date|f||
                isGood|boolean|f||true
                odd|text|f||
                whole|text|f||
                v|bytea|f||
                embedding_status|text|t||'pending'::text
                """)
        let indexes = try move.target.shell(
            """
            SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'part'::regclass
                AND indexrelid::regclass::text NOT LIKE 'idx_embedding%' ORDER BY 1
            """)
        #expect(
            indexes == """
                CREATE INDEX part_by_price ON public.part USING btree (price, day)
                CREATE UNIQUE INDEX part_day ON public.part USING btree (day, id)
                CREATE UNIQUE INDEX part_name_shelf_key ON public.part USING btree (name, shelf)
                CREATE UNIQUE INDEX part_pkey ON public.part USING btree (id)
                """)
        let references = try move.target.shell(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'part'::regclass AND contype = 'f'")
        #expect(references == "FOREIGN KEY (shelf) REFERENCES shelf(code) ON DELETE SET NULL")
        #expect(
            try move.target.shell(
                "SELECT name, price, made_at AT TIME ZONE 'UTC', day, \"isGood\", whole FROM part ORDER BY id")
                == "bolt|12.5|2026-01-31 12:00:00|2026-01-31|t|bolt!\nnut|3|2026-01-31 03:00:00||f|nut!")
        let said = Set(outcome.notes.map { "\($0.kind) \($0.table) \($0.detail)" })
        #expect(
            said == [
                "generatedColumn part whole", "check part 1", "collation part NOCASE", "trigger part mine",
                "view part cheap",
                "index part part_some", "index part part_lower", "foreignKey part other → other",
                "defaultValue part odd (lower('X'))", "otherTable other ",
            ])
        // What is said of progress ends with all of it.
        for step in [TransferProgress.Step.examining, .copyingRows, .comparingRows] {
            let last = try #require(move.steps.list.last { $0.step == step })
            #expect(last.done == last.total)
        }
    }

    @Test func `a plain index that PostgreSQL refuses is left away, and a taken name is another`() async throws {
        let move = try await Move(
            """
            CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT);
            CREATE INDEX long ON t(x); CREATE INDEX taken ON t(v);
            """)
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        // Random enough that it cannot be made small.
        try move.origin.shell("INSERT INTO t(x) VALUES (hex(randomblob(20000)))")
        try move.target.shell("CREATE TABLE taken(id int)")
        let outcome = try await move.run()
        #expect(outcome.notes == [TransferNote(.renamedIndex, "t", "taken"), TransferNote(.index, "t", "long")])
        let indexes = try move.target.shell(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 't'::regclass AND NOT indisprimary ORDER BY 1"
        )
        #expect(indexes.contains("CREATE INDEX t_v_idx ON public.t USING btree (v)"))
    }

    /// Columns of a table that the target's owner made.
    static let made = """
        CREATE TABLE t(id int PRIMARY KEY, x varchar(40), v real[], u uuid, j jsonb, w timestamp, n numeric(8,2), s smallint,
            extra text DEFAULT 'here');
        """

    static let origin = """
        CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, v TEXT, u TEXT, j JSON, w TEXT, n DECIMAL(8,2), s INT);
        """

    static let rows = """
        INSERT INTO t(id, x, u, j, w, n, s) VALUES
            (1, 'a', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{"b":1,"a":[1.5,null]}', '2026-01-31 12:00:00.5', 12.25, -3),
            (2, 'b', NULL, '5', NULL, 7, NULL);
        """

    @Test func `an empty table that its owner made is used as it is`() async throws {
        let move = try await Move(Self.origin)
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        try move.origin.shell(Self.rows)
        try await move.origin.work()
        try move.stopWorkers()
        try move.target.shell(Self.made)

        let outcome = try await move.run()

        #expect(outcome.report.tables.map(\.isMade) == [false])
        #expect(
            try move.target.shell("SELECT id, u, j, w, n, s, extra, embedding_status FROM t ORDER BY id") == """
                1|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|{"a": [1.5, null], "b": 1}|2026-01-31 12:00:00.5|12.25|-3|here|completed
                2||5||7.00||here|completed
                """)
        try await move.expectNothingToDo()
        _ = try await move.verify()
    }

    @Test func `beside sources and rows that are there, both go on`() async throws {
        let move = try await Move(Self.origin)
        try await move.origin.attach(move.origin.request("t", text: ["x"], into: "v"))
        try move.origin.shell(Self.rows)
        try await move.origin.work()
        try move.stopWorkers()
        // The target has work of its own, rows of its own, and one row that was copied by other means.
        let there = move.target
        try there.shell(Workshop.parts(.postgres) + Self.made)
        try await there.attachParts()
        try there.shell(
            """
            INSERT INTO parts_master_features(feature_text) VALUES ('one'), ('two');
            INSERT INTO t(id, x) VALUES (9, 'nine');
            INSERT INTO t(id, x, j, n) VALUES (2, 'b', '5', 7);
            """)
        try await there.work()
        try there.shell("UPDATE millrace_worker SET state = 'stopped'")
        let identity = try there.shell("SELECT value FROM millrace_meta WHERE name = 'database_id'")

        // The row that is there has no vector yet: that is a difference, and nothing is overwritten.
        let refusal = try #require(try await transferRefusal { try await move.run { $0.intoExisting = true } })
        #expect(refusal.code == .differs && refusal.message.contains("row 2 of public.t"), "\(refusal.message)")
        #expect(try there.shell("SELECT collection FROM millrace_source") == "parts_master_features")
        try there.shell("DELETE FROM t WHERE id = 2")

        let outcome = try await move.run { $0.intoExisting = true }

        #expect(outcome.notes.contains(TransferNote(.rowsBefore, "t", "public.t")))
        #expect(try there.shell("SELECT value FROM millrace_meta WHERE name = 'database_id'") == identity)
        let sources = try await there.database.read { try SourceStore().all(on: $0) }
        #expect(sources.map(\.collection) == ["parts_master_features", "t"])
        #expect(Set(sources.map(\.id)).count == 2)
        // The index of the target's server hears of what came.
        #expect(try there.shell("SELECT count(*) FROM millrace_feed WHERE source_id = \(sources[1].id)") == "2")
        // Only the row that Millrace never saw is left to embed.
        #expect(try await there.sweep(sources[1]).wanted == 1)
        try await there.work()
        #expect(there.embedder.texts.filter { !["one", "two"].contains($0) } == ["nine"])
        for source in sources { try await there.expectInStep(source) }
    }

    @Test func `a limit of a model's work moves too`() async throws {
        let move = try await Move()
        try await move.origin.attachParts()
        let limit = ModelLimit(model: "hash", concurrency: 7, perMinute: 600)
        try await move.origin.database.write { try ModelLimitStore().set(limit, on: $0) }
        try await move.run()
        #expect(try await move.target.database.read { try ModelLimitStore().all(on: $0) } == [limit])
        try await move.target.database.write {
            try ModelLimitStore().set(ModelLimit(model: "hash", concurrency: nil, perMinute: nil), on: $0)
        }
        let refusal = try #require(try await transferRefusal { try await move.verify() })
        #expect(refusal.message.contains("the limit of model hash differs"))
    }

    @Test func `more rows than a page, and rows of a megabyte, go in pages`() async throws {
        let move = try await Move(
            "CREATE TABLE t(a TEXT NOT NULL, b INT NOT NULL, x TEXT, v TEXT, big BLOB, UNIQUE (b, a))")
        try await move.origin.attach(move.origin.request("t", key: ["a", "b"], text: ["x"], into: "v"))
        try move.origin.shell(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
            INSERT INTO t(a, b, x) SELECT 'k' || (i % 7), i, 'text ' || i FROM n;
            UPDATE t SET big = randomblob(1000000) WHERE b % 300 = 0;
            """)
        try await move.origin.work(batch: 512)
        try move.stopWorkers()
        let outcome = try await move.run()
        #expect(outcome.report.tables.map(\.rows) == [6000])
        #expect(outcome.report.collections.map(\.embeddings) == [6000])
        #expect(outcome.report.values >= 6000 * 6 + 6000 * 6)
        try await move.expectNothingToDo()
    }
}
