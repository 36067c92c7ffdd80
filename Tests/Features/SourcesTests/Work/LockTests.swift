import Core
import Embedding
import Synchronization
import TestDatabases
import Testing

@testable import Sources

/// Users' transactions that stay open, and ours beside them: neither waits for the other.
struct LockTests {
    private func shop() async throws -> (Workshop, Source) {
        let shop = try await Workshop(.postgres)
        try shop.shell(
            "INSERT INTO parts_master_features(id, feature_text) SELECT i, 'part ' || i FROM generate_series(1, 20) AS i;"
        )
        let source = try await shop.attachParts()
        return (shop, source)
    }

    private func results(_ shop: Workshop, _ jobs: [Job], of source: Source) async throws -> [EmbeddingResult] {
        try await shop.queue.read(jobs, of: source, space: shop.embedder.space).map { input in
            guard case .text(let text, let hash) = input.content else {
                return EmbeddingResult(job: input.job, values: input.values, outcome: .gone)
            }
            return EmbeddingResult(
                job: input.job, values: input.values,
                outcome: .vector(shop.embedder.vector(text), hash: hash, isTruncated: false))
        }
    }

    @Test(arguments: [
        "SELECT FROM parts_master_features WHERE id <= 3 FOR UPDATE;",
        "UPDATE parts_master_features SET part_id = 'x' WHERE id <= 3;",
        "UPDATE parts_master_features SET feature_text = feature_text || '?' WHERE id <= 3;",
        "DELETE FROM parts_master_features WHERE id <= 3;",
    ])
    func `a settlement passes by the rows that an idle transaction has, and settles them when it ends`(sql: String)
        async throws
    {
        let (shop, source) = try await shop()
        let (worker, jobs) = try await shop.claim()
        let results = try await results(shop, jobs, of: source)
        let user = try Psql(shop.place.address)
        try user.tell("BEGIN; \(sql)")
        let began = ContinuousClock.now
        let batch = try await shop.queue.settle(
            results, of: source, space: shop.embedder.space, worker: worker, inModel: [],
            jitters: results.map { _ in 0.5 })
        #expect(began.duration(to: .now) < .seconds(2))
        #expect(batch.counts.succeeded == 17 && batch.locked.count == 3)
        // Another user's write to another row goes through at once.
        try shop.shell("SET lock_timeout = 100; UPDATE parts_master_features SET feature_text = 'other' WHERE id = 9;")
        try user.tell("COMMIT;")
        try user.end()
        let rest = try await shop.queue.settle(
            batch.locked, of: source, space: shop.embedder.space, worker: worker, inModel: [],
            jitters: results.map { _ in 0.5 })
        #expect(rest.locked.isEmpty)
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `rows that are as they were read are settled in one transaction for each body`() async throws {
        let (shop, source) = try await shop()
        let (worker, jobs) = try await shop.claim()
        let results = try await results(shop, jobs, of: source)
        let database = WatchedDatabase(shop.database)
        let batch = try await EmbeddingQueue(database: database).settle(
            results, of: source, space: shop.embedder.space, worker: worker, inModel: [],
            jitters: results.map { _ in 0.5 })
        #expect(batch.counts.succeeded == 20 && batch.locked.isEmpty)
        // Sixteen rows, four, and the worker's totals.
        #expect(database.writes.load(ordering: .relaxed) == 3)
        try await shop.expectInStep(source)
    }

    @Test func `a settlement that the server loses in a crash is told, and nothing of it is lost`() async throws {
        let (shop, source) = try await shop()
        let (worker, jobs) = try await shop.claim()
        let results = try await results(shop, jobs, of: source)
        let database = WatchedDatabase(shop.database)
        database.next(.lost)
        let error = await #expect(throws: DatabaseError.self) {
            try await EmbeddingQueue(database: database).settle(
                results, of: source, space: shop.embedder.space, worker: worker, inModel: [],
                jitters: results.map { _ in 0.5 })
        }
        #expect(error?.code == .io)
        try await shop.queue.handBack(jobs)
        #expect(try shop.shell("SELECT state, count(*) FROM millrace_job GROUP BY state;") == "available|16")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    /// What a table's owner does when a vector is written.
    private static let owners = [
        // Changes the text on the way.
        """
        CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.feature_text = rtrim(NEW.feature_text, '5'); RETURN NEW; END $$;
        CREATE TRIGGER own BEFORE UPDATE OF clip_text_emb ON parts_master_features FOR EACH ROW EXECUTE FUNCTION own();
        """,
        // Edits another row of the same batch.
        """
        CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE parts_master_features SET feature_text = 'part 2, after 1' WHERE id = 2; RETURN NULL; END $$;
        CREATE TRIGGER own AFTER UPDATE OF clip_text_emb ON parts_master_features FOR EACH ROW
            WHEN (NEW.id = 1) EXECUTE FUNCTION own();
        """,
        // Takes the row away.
        """
        CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            DELETE FROM parts_master_features WHERE id = NEW.id; RETURN NULL; END $$;
        CREATE TRIGGER own AFTER UPDATE OF clip_text_emb ON parts_master_features FOR EACH ROW
            WHEN (NEW.id = 3) EXECUTE FUNCTION own();
        """,
    ]

    @Test(arguments: owners) func `what a table's owner does when a vector is written is seen`(sql: String) async throws
    {
        let (shop, source) = try await shop()
        try shop.shell(sql)
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `a settlement has nobody's row before it has said everything, its commit included`() async throws {
        let (shop, source) = try await shop()
        let (worker, jobs) = try await shop.claim()
        let results = try await results(shop, jobs, of: source)
        let database = WatchedDatabase(shop.database)
        let address = shop.place.address
        database.next(
            .inside {
                // Here a process may be stopped for as long as anybody likes.
                do {
                    let user = try Psql(address)
                    try user.tell("SET lock_timeout = '1ms'; UPDATE parts_master_features SET feature_text = 'other';")
                    try user.end()
                } catch {
                    Issue.record(error)
                }
            })
        let batch = try await EmbeddingQueue(database: database).settle(
            results, of: source, space: shop.embedder.space, worker: worker, inModel: [],
            jitters: results.map { _ in 0.5 })
        #expect(try shop.shell("SELECT count(*) FROM parts_master_features WHERE feature_text = 'other';") == "20")
        #expect(batch.counts.requeued == 20)
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `who stands still with users' rows loses them`() async throws {
        let (shop, source) = try await shop()
        let (_, jobs) = try await shop.claim()
        let (inside, goOn) = (Gate(), Gate())
        let stopped = Task {
            try await shop.database.write { connection in
                try connection.limitWaiting()
                #expect(try SourceRows(source).take(jobs.map(\.key), texts: nil, on: connection).get().count == 20)
                inside.open()
                // As a process does that somebody has stopped.
                goOn.wait()
                try connection.run(.both("DELETE FROM \(Table.job)"))
            }
        }
        await inside.passed()
        try shop.shell("UPDATE parts_master_features SET feature_text = 'other';")
        goOn.open()
        let error = await #expect(throws: DatabaseError.self) { try await stopped.value }
        #expect(error?.code == .io)
        #expect(try shop.shell("SELECT count(*) FROM parts_master_features WHERE feature_text = 'other';") == "20")
        #expect(try shop.shell("SELECT count(*) FROM millrace_job;") == "20")
    }

    @Test func `who stands still with jobs that users' triggers want loses them`() async throws {
        let (shop, source) = try await shop()
        let worker = try #require(await shop.worker().id)
        let (inside, goOn) = (Gate(), Gate())
        let database = WatchedDatabase(shop.database)
        database.next(
            .inside {
                inside.open()
                goOn.wait()
            })
        let stopped = Task {
            try await EmbeddingQueue(database: database).claim(limit: 20, turn: 1, worker: worker)
        }
        await inside.passed()
        try shop.shell("SET lock_timeout = '5s'; UPDATE parts_master_features SET feature_text = 'other';")
        goOn.open()
        // Whether it was kept is not known to whoever was stopped: it was not, and settles nothing.
        let claim = try? await stopped.value
        #expect(try shop.shell("SELECT DISTINCT state FROM millrace_job;") == "available")
        if let claim { try await shop.worker().process(claim.jobs) }
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `who truncates the table is no deadlock's victim of a rescue`() async throws {
        let (shop, _) = try await shop()
        let (worker, jobs) = try await shop.claim()
        let (rescued, locked) = (Gate(), Gate())
        let rescue = Task {
            try await shop.database.write { connection in
                let rescue = try JobStore().rescue(worker, error: "a test says so", on: connection)
                rescued.open()
                locked.wait()
                try EmbeddingQueue.showRescued(rescue, on: connection)
            }
        }
        await rescued.passed()
        // Has the table, and then wants the jobs that the rescue has.
        let truncation = Task { try shop.shell("TRUNCATE parts_master_features;") }
        while try await shop.waiters() == 0 { await Task.yield() }
        locked.open()
        try await rescue.value
        #expect(try await !truncation.value.contains("deadlock"))
        #expect(try shop.shell("SELECT count(*) FROM parts_master_features;") == "0")
        #expect(try shop.shell("SELECT count(*) FROM millrace_job WHERE state = 'running';") == "0")
        #expect(jobs.count == 20)
    }

    @Test func `a worker goes on beside an idle transaction, and keeps what it cannot write`() async throws {
        let (shop, source) = try await shop()
        let user = try Psql(shop.place.address)
        try user.tell("BEGIN; UPDATE parts_master_features SET part_id = 'held' WHERE id <= 5;")
        let worker = try await shop.worker { $0.batchSize = 4 }
        async let work: Void = worker.work()
        while try shop.shell("SELECT count(*) FROM millrace_job;") != "5" { await Task.yield() }
        try user.tell("COMMIT;")
        while try shop.shell("SELECT count(*) FROM millrace_job;") != "0" { await Task.yield() }
        await worker.drain()
        try await work
        try user.end()
        try await shop.expectInStep(source)
        #expect(shop.embedder.texts.count == 20)
    }

    @Test func `rows that one transaction has do not wait for another's, where they were claimed together`()
        async throws
    {
        let (shop, source) = try await shop()
        try shop.shell("UPDATE millrace_job SET crashes = 2 WHERE key IN ('1', '2');")
        let (idle, brief) = (try Psql(shop.place.address), try Psql(shop.place.address))
        try idle.tell("BEGIN; UPDATE parts_master_features SET part_id = 'held' WHERE id = 1;")
        try brief.tell("BEGIN; UPDATE parts_master_features SET part_id = 'held' WHERE id = 2;")
        let worker = try await shop.worker()
        async let work: Void = worker.work()
        while try shop.shell("SELECT count(*) FROM millrace_job;") != "2" { await Task.yield() }
        try brief.tell("COMMIT;")
        while try shop.shell("SELECT count(*) FROM millrace_job;") != "1" { await Task.yield() }
        try idle.tell("COMMIT;")
        while try shop.shell("SELECT count(*) FROM millrace_job;") != "0" { await Task.yield() }
        await worker.drain()
        try await work
        try idle.end()
        try brief.end()
        try await shop.expectInStep(source)
    }

    @Test func `results beyond what is kept are put off, and a stop hands the kept ones back`() async throws {
        let (shop, source) = try await shop()
        let user = try Psql(shop.place.address)
        try user.tell("BEGIN; UPDATE parts_master_features SET part_id = 'held';")
        let worker = try await shop.worker { settings in
            settings.mostKept = 12
            settings.farewell = .milliseconds(100)
        }
        async let work: Void = worker.work()
        while try shop.shell("SELECT count(*) FROM millrace_job WHERE state = 'scheduled';") != "8" {
            await Task.yield()
        }
        #expect(try shop.shell("SELECT count(*) FROM millrace_job WHERE state = 'running';") == "12")
        await worker.drain()
        try await work
        #expect(
            try shop.shell("SELECT state, count(*) FROM millrace_job GROUP BY 1 ORDER BY 1;")
                == "available|12\nscheduled|8")
        #expect(try shop.shell("SELECT sum(attempt) FROM millrace_job;") == "0")
        try user.tell("COMMIT;")
        try user.end()
        try shop.shell("UPDATE millrace_job SET state = 'available', run_at = NULL;")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `a table locked as a whole is waited for a moment, and then as its rows would be`() async throws {
        let (shop, source) = try await shop()
        let (worker, jobs) = try await shop.claim()
        let results = try await results(shop, jobs, of: source)
        let user = try Psql(shop.place.address)
        try user.tell("BEGIN; LOCK TABLE parts_master_features IN ACCESS EXCLUSIVE MODE;")
        let batch = try await shop.queue.settle(
            results, of: source, space: shop.embedder.space, worker: worker, inModel: [],
            jitters: results.map { _ in 0.5 })
        #expect(batch.locked.count == 20)
        try user.tell("COMMIT;")
        try user.end()
        let counts = try await shop.settle(batch.locked, of: source, by: worker)
        #expect(counts.succeeded == 20)
        try await shop.expectInStep(source)
    }

    @Test func `a backfill and a sweep pass by what an idle transaction has, and lose nothing`() async throws {
        let (shop, source) = try await shop()
        try await shop.work()
        let user = try Psql(shop.place.address)
        try user.tell(
            "BEGIN; UPDATE parts_master_features SET feature_text = 'mine' WHERE id <= 3; SELECT FROM parts_master_features WHERE id = 4 FOR UPDATE;"
        )
        try await shop.takeIn(source, .all)
        // Three are about to be wished for by their user; the fourth is not, and has its job.
        #expect(try shop.shell("SELECT count(*) FROM millrace_job;") == "17")
        #expect(try await shop.sweep(source).wanted == 0)
        try user.tell("COMMIT;")
        try user.end()
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test func `two users who write the same rows in opposite order fall to their own deadlock and to none of ours`()
        async throws
    {
        let (shop, source) = try await shop()
        let worker = try await shop.worker { $0.batchSize = 5 }
        async let work: Void = worker.work()
        try await withThrowingTaskGroup(of: String.self) { group in
            for user in 0..<3 {
                group.addTask {
                    // Each statement locks its rows in one order: without us there is no deadlock.
                    let statements = (0..<60).map { round in
                        "UPDATE parts_master_features SET feature_text = 'u\(user) r\(round)' WHERE id IN (SELECT id FROM parts_master_features WHERE id % 4 = \((round + user) % 4) ORDER BY id FOR UPDATE);"
                    }
                    return try shop.shell(
                        "SET deadlock_timeout = '20ms'; SET lock_timeout = '5s';" + statements.joined(separator: "\n"))
                }
            }
            for try await printed in group { #expect(printed == "") }
        }
        while try shop.shell("SELECT count(*) FROM millrace_job;") != "0" { await Task.yield() }
        await worker.drain()
        try await work
        try await shop.expectInStep(source)
    }
}

extension Workshop {
    /// Sessions that wait for a transaction of another's to end.
    fileprivate func waiters() async throws -> Int64 {
        try await database.read { connection in
            try connection.row(
                SQL(
                    postgres: """
                        SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'TRUNCATE%'
                        """))?.integer(0) ?? 0
        }
    }
}
