import Core
import Embedding
import Logging
import TestDatabases
import Testing

@testable import Sources

struct EmbeddingWorkerTests {
    /// A table with these texts, attached.
    private func shop(_ dialect: Dialect, _ texts: [String]) async throws -> (Workshop, Source) {
        let shop = try await Workshop(dialect)
        for text in texts {
            try shop.shell("INSERT INTO parts_master_features(feature_text) VALUES (\(Key.quote(.text(text))));")
        }
        return (shop, try await shop.attachParts())
    }

    @Test(arguments: Dialect.allCases) func `equal texts are embedded once, in a batch and over batches`(
        dialect: Dialect
    ) async throws {
        let (shop, source) = try await shop(dialect, ["a", "b", "a", "a", "c", "b"])
        try await shop.work(batch: 2)
        #expect(shop.embedder.texts.sorted() == ["a", "b", "c"])
        try await shop.expectInStep(source)
        try shop.shell("UPDATE parts_master_features SET embedding_status='pending';")
        try await shop.work()
        #expect(shop.embedder.texts.count == 3)
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `a batch that does not fit into memory passes in halves`(dialect: Dialect)
        async throws
    {
        let (shop, source) = try await shop(dialect, ["a", "b", "c", "d", "e"])
        shop.embedder.change { $0.mostTexts = 2 }
        try await shop.work()
        #expect(shop.embedder.calls.map(\.count) == [5, 2, 3, 1, 2])
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `the one text that fails fails alone`(dialect: Dialect) async throws {
        let (shop, _) = try await shop(dialect, ["a", "b", "bad", "d", "e", "worse"])
        shop.embedder.change { $0.failing = ["bad": .badInput, "worse": .runtimeFailure] }
        try await shop.work()
        #expect(
            try shop.shell(
                "SELECT group_concat(embedding_status) FROM (SELECT embedding_status FROM parts_master_features ORDER BY id) AS inner_rows;"
            )
                == "completed,completed,failed,completed,completed,pending")
        #expect(try shop.shell("SELECT reason, error FROM millrace_job_dead;") == "badInput|\"bad\" cannot be embedded")
        #expect(try shop.shell("SELECT state, key FROM millrace_job;") == "scheduled|6")
        let totals = "SELECT sum(succeeded), sum(failed), sum(skipped), sum(truncated) FROM millrace_worker;"
        #expect(try shop.shell(totals) == "4|1|0|0")
    }

    @Test(arguments: Dialect.allCases) func `a text longer than the model reads is counted, not failed`(
        dialect: Dialect
    ) async throws {
        let (shop, source) = try await shop(dialect, [String(repeating: "long ", count: 50), "short"])
        try await shop.work()
        #expect(try shop.shell("SELECT sum(succeeded), sum(truncated) FROM millrace_worker;") == "2|1")
        try await shop.expectInStep(source)
    }

    @Test func `a text that is not UTF-8 is embedded as it is read, once`() async throws {
        let (shop, source) = try await shop(.sqlite, [])
        try shop.shell(
            "INSERT INTO parts_master_features(feature_text) VALUES (CAST(x'61ff62' AS TEXT)), ('a\u{FFFD}b');")
        try await shop.work()
        #expect(shop.embedder.texts == ["a\u{FFFD}b"])
        try await shop.expectInStep(source)
        #expect(try await shop.sweep(source).isClean)
    }

    @Test(arguments: Dialect.allCases) func `it works until it is told to stop, and says goodbye`(dialect: Dialect)
        async throws
    {
        let (shop, source) = try await shop(dialect, (0..<20).map { "text \($0)" })
        let log = LogRecord()
        let worker = try await shop.worker(logger: log.logger) { $0.batchSize = 3 }
        async let work: Void = worker.work()
        var rows = 0
        for await message in log.stream where message == "row settled" {
            rows += 1
            if rows == 20 { break }
        }
        // Woken by a commit of another program, not by the poll of ten seconds.
        try shop.shell("INSERT INTO parts_master_features(feature_text) VALUES ('one more');")
        // What a server does that has looked.
        try await shop.database.write { $0.notify() }
        for await message in log.stream where message == "row settled" { break }
        await worker.drain()
        try await work
        try await shop.expectInStep(source)
        #expect(try shop.shell("SELECT state FROM millrace_worker;") == "stopped")
    }

    @Test(arguments: Dialect.allCases) func `a model that cannot be had ends the work and gives everything back`(
        dialect: Dialect
    ) async throws {
        let (shop, _) = try await shop(dialect, ["a", "b", "c"])
        shop.embedder.change { $0.isMissing = true }
        let worker = try await shop.worker { $0.batchSize = 1 }
        await #expect(throws: EmbeddingError.self) { try await worker.work() }
        #expect(try shop.shell("SELECT DISTINCT state FROM millrace_job;") == "available")
        #expect(try shop.shell("SELECT DISTINCT embedding_status FROM parts_master_features;") == "pending")
    }

    @Test(arguments: Dialect.allCases) func `what was claimed but not begun is handed back at a stop`(dialect: Dialect)
        async throws
    {
        let (shop, _) = try await shop(dialect, ["a", "b", "c", "d"])
        let worker = try await shop.worker { settings in
            settings.batchSize = 1
            settings.batchesInModel = 1
        }
        let queue = shop.queue
        // The stop comes while one row is in the model and the next one is claimed.
        shop.embedder.change { state in
            state.inside = { texts in
                while (try? await queue.runningCount()) != 2 { await Task.yield() }
                await worker.drain()
            }
        }
        try await worker.work()
        #expect(try shop.shell("SELECT state, count(*) FROM millrace_job GROUP BY state;") == "available|3")
        #expect(
            try shop.shell(
                "SELECT group_concat(embedding_status) FROM (SELECT embedding_status FROM parts_master_features ORDER BY id) AS inner_rows;"
            ) == "completed,pending,pending,pending")
    }

    @Test(arguments: Dialect.allCases) func `suspects run alone, one at a time when they are strong`(dialect: Dialect)
        async throws
    {
        let (shop, source) = try await shop(dialect, ["a", "b", "c", "d"])
        try shop.shell(
            "UPDATE millrace_job SET crashes = 2 WHERE key IN ('1','2'); UPDATE millrace_job SET crashes = 1 WHERE key='3';"
        )
        let log = LogRecord()
        let worker = try await shop.worker(logger: log.logger)
        async let work: Void = worker.work()
        var rows = 0
        for await message in log.stream where message == "row settled" {
            rows += 1
            if rows == 4 { break }
        }
        await worker.drain()
        try await work
        #expect(shop.embedder.calls == [["d"], ["c"], ["a"], ["b"]])
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases)
    func `what a dead worker had in its model is claimed at once, in small batches with fences of their own`(
        dialect: Dialect
    ) async throws {
        let (shop, source) = try await shop(dialect, (1...40).map { "text \($0)" })
        try shop.shell("UPDATE millrace_job SET crashes = 1; UPDATE millrace_job SET crashes = 2 WHERE id <= 3;")
        let worker = try #require(await shop.worker().id)
        let some = try await shop.queue.claim(limit: 32, turn: 2, worker: worker)
        #expect(some.batches.map(\.count) == [8, 8, 8, 8])
        #expect(some.batches.allSatisfy { Set($0.map(\.fence)).count == 1 })
        #expect(Set(some.jobs.map(\.fence)).count == 4)
        let rest = try await shop.queue.claim(limit: 32, turn: 4, worker: worker)
        #expect(rest.batches.map(\.count) == [5])
        let strong = try await shop.queue.claim(limit: 32, turn: 3, worker: worker)
        #expect(strong.batches.map(\.count) == [1, 1, 1])
        #expect(try await shop.queue.claim(limit: 32, turn: 5, worker: worker).isEmpty)

        // Its worker dies in the second batch: the third and fourth are none the more suspect.
        try await shop.queue.enterModel(Set(some.batches[1].map(\.fence)), of: worker)
        let scheduler = QueueScheduler(database: shop.database, logger: .quiet) {
            try EmbeddingQueue.showRescued($1, on: $0)
        }
        try await scheduler.declareLost(worker, because: "a test says so")
        #expect(
            try shop.shell("SELECT crashes, count(*) FROM millrace_job GROUP BY crashes ORDER BY crashes;")
                == "1|29\n2|11")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `suspects that were claimed ahead are handed back at a stop`(
        dialect: Dialect
    ) async throws {
        let (shop, _) = try await shop(dialect, ["a", "b", "c", "d"])
        try shop.shell("UPDATE millrace_job SET crashes = 2;")
        let worker = try await shop.worker()
        shop.embedder.change { $0.inside = { _ in await worker.drain() } }
        try await worker.work()
        #expect(shop.embedder.calls == [["a"]])
        #expect(
            try shop.shell("SELECT state, crashes, count(*) FROM millrace_job GROUP BY state, crashes;")
                == "available|2|3")
    }

    @Test(arguments: Dialect.allCases)
    func `only what is inside the model is held against a row when its worker is lost`(dialect: Dialect) async throws {
        let (shop, source) = try await shop(dialect, ["a", "b"])
        let worker = try await shop.worker()
        let id = try #require(await worker.id)
        let jobs = try await shop.queue.claim(limit: 1, turn: 1, worker: id).jobs
        let more = try await shop.queue.claim(limit: 1, turn: 1, worker: id).jobs
        try await shop.queue.enterModel(Set(jobs.map(\.fence)), of: id)
        let scheduler = QueueScheduler(database: shop.database, logger: .quiet) {
            try EmbeddingQueue.showRescued($1, on: $0)
        }
        try await scheduler.declareLost(id, because: "a test says so")
        #expect(
            try shop.shell("SELECT key, state, crashes FROM millrace_job ORDER BY key;")
                == "1|available|1\n2|available|0")
        #expect(try shop.shell("SELECT DISTINCT embedding_status FROM parts_master_features;") == "pending")

        // The lost incarnation notices, begins a new one, and its old claims settle nothing.
        try await worker.beatOnce()
        let next = try #require(await worker.id)
        #expect(next != id)
        try await worker.process(jobs + more)
        #expect(try shop.shell("SELECT count(*) FROM parts_master_features WHERE clip_text_emb IS NOT NULL;") == "0")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `an incarnation after a lost one says again what it is`(
        dialect: Dialect
    ) async throws {
        let (shop, _) = try await shop(dialect, ["a"])
        let worker = try await shop.worker()
        try await worker.ready(device: "cpu", model: "hash", endpoint: "unix:here")
        let scheduler = QueueScheduler(database: shop.database, logger: .quiet) { _, _ in }
        try await scheduler.declareLost(try #require(await worker.id), because: "a test says so")
        try await worker.beatOnce()
        #expect(
            try shop.shell("SELECT state, device, model, endpoint FROM millrace_worker ORDER BY id DESC LIMIT 1;")
                == "ready|cpu|hash|unix:here")
    }

    @Test(arguments: Dialect.allCases) func `batches of an incarnation that was lost meanwhile are left to others`(
        dialect: Dialect
    ) async throws {
        let (shop, source) = try await shop(dialect, (1...16).map { "text \($0)" })
        try shop.shell("UPDATE millrace_job SET crashes = 1;")
        let worker = try await shop.worker { $0.batchSize = 16 }
        let lost = try #require(await worker.id)
        let scheduler = QueueScheduler(database: shop.database, logger: .quiet) {
            try EmbeddingQueue.showRescued($1, on: $0)
        }
        shop.embedder.change { embedder in
            embedder.inside = { _ in
                guard await worker.id == lost else { return }
                try? await scheduler.declareLost(lost, because: "a test says so")
                try? await worker.beatOnce()
            }
        }
        async let work: Void = worker.work()
        while try shop.shell("SELECT count(*) FROM millrace_job;") != "0" { await Task.yield() }
        await worker.drain()
        try await work
        // The first batch, whose settlement came too late, again and one by one; the second by the new incarnation alone.
        #expect(shop.embedder.calls.map(\.count).sorted() == Array(repeating: 1, count: 8) + [8, 8])
        try await shop.expectInStep(source)
    }

    @Test(arguments: [WatchedDatabase.Event.unknownCommit, .unknownRollback], Dialect.allCases)
    func `a claim of which nobody heard whether it was kept is not forgotten`(
        event: WatchedDatabase.Event, dialect: Dialect
    ) async throws {
        let (shop, source) = try await shop(dialect, ["a", "b"])
        let worker = try await shop.worker()
        let database = WatchedDatabase(shop.database)
        database.next(event)
        let claim = try await EmbeddingQueue(database: database).claim(
            limit: 9, turn: 1, worker: try #require(await worker.id))
        #expect(claim.jobs.count == 2)
        try await worker.process(claim.jobs)
        let left = if case .unknownCommit = event { "0" } else { "2" }
        #expect(try shop.shell("SELECT count(*) FROM millrace_job;") == left)
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `a worker frees what a lost neighbour held where no server does`(
        dialect: Dialect
    ) async throws {
        let (shop, source) = try await shop(dialect, ["a", "b"])
        let lost = try #require(await shop.worker().id)
        _ = try await shop.queue.claim(limit: 9, turn: 1, worker: lost)
        let worker = try await shop.worker()
        let began = ContinuousClock.now
        for second in 0...5 { try await worker.beatOnce(now: began + .seconds(second)) }
        #expect(try shop.shell("SELECT DISTINCT state FROM millrace_job;") == "running")
        try await worker.beatOnce(now: began + .seconds(6))
        #expect(try shop.shell("SELECT DISTINCT state FROM millrace_job;") == "available")
        #expect(try shop.shell("SELECT state FROM millrace_worker ORDER BY id;") == "lost\nstarting")
        try await shop.work()
        try await shop.expectInStep(source)
    }

    @Test(arguments: Dialect.allCases) func `a source removed while its rows are in hand is nobody's fault`(
        dialect: Dialect
    ) async throws {
        let (shop, _) = try await shop(dialect, ["a"])
        let worker = try await shop.worker()
        let jobs = try await shop.queue.claim(limit: 9, turn: 1, worker: try #require(await worker.id)).jobs
        _ = try await shop.attachment.remove("parts_master_features", erases: false)
        try await worker.process(jobs)
        #expect(try shop.shell("SELECT count(*) FROM millrace_embedding;") == "0")
    }
}

extension EmbeddingQueue {
    /// How many jobs are claimed now.
    fileprivate func runningCount() async throws -> Int {
        try await database.read { connection in
            Int(try connection.row(.both("SELECT COUNT(*) FROM \(Table.job) WHERE state = 'running'"))?.integer(0) ?? 0)
        }
    }
}
