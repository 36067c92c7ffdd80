import Core
import DatabasePostgres
import TestDatabases
import Testing

/// Behind PgBouncer 1.18 in transaction mode.
struct PoolerTests {
    private struct Scene {
        let place: TestDatabase
        let pooler: Pooler
        let database: PostgresDatabase
    }

    private func scene(_ change: (inout PostgresDatabase.Options) -> Void = { _ in }) async throws -> Scene {
        let place = try await TestDatabase(.postgres)
        let pooler = try await Pooler(before: TestServer.shared())
        let database = try await open(url: pooler.url(of: place.name)) {
            $0.preparesStatements = false
            change(&$0)
        }
        return Scene(place: place, pooler: pooler, database: database)
    }

    @Test func `transactions run on whichever connection they get, with our settings and no prepared statement`()
        async throws
    {
        let scene = try await scene()
        try await scene.database.write { try $0.script("CREATE TABLE t(a bigint PRIMARY KEY, b bytea)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in Int64(0)..<200 {
                group.addTask {
                    try await scene.database.write { connection throws in
                        #expect(try connection.value("SHOW statement_timeout") == "1min")
                        #expect(try connection.value("SHOW TimeZone") == "UTC")
                        try connection.run(
                            .both("INSERT INTO t VALUES (:a, :b)"),
                            ["a": .integer(number), "b": .blob([0, 0x5C, 255])])
                        _ = try connection.attempt {
                            try connection.runMany(
                                .both("UPDATE t SET a = a WHERE a = :a"), [["a": .integer(number)], ["a": -1]])
                        }
                    }
                    let row = try await scene.database.read {
                        try $0.row(.both("SELECT b, a FROM t WHERE a = :a"), ["a": .integer(number)])
                    }
                    #expect(row == Row([.blob([0, 0x5C, 255]), .integer(number)]))
                }
            }
            try await group.waitForAll()
        }
        let kept = try await scene.database.value("SELECT count(*) FROM pg_prepared_statements")
        #expect(kept == 0)
        #expect(try await scene.database.value("SELECT count(*) FROM t") == 200)
        await scene.database.close()
    }

    @Test func `settings of ours do not stay on the pooler's connections`() async throws {
        let scene = try await scene()
        _ = try await scene.database.value("SELECT 1")
        try await scene.database.write { _ = try $0.value("SELECT 1") }
        try await scene.database.runAlone("CREATE TABLE t()")
        let plain = try await Program.run(
            "psql", [scene.pooler.url(of: scene.place.name), "-Atc", "SHOW statement_timeout"])
        #expect(plain == "0")
        await scene.database.close()
    }

    @Test func `news come by the server's own URL`() async throws {
        let place = try await TestDatabase(.postgres)
        let pooler = try await Pooler(before: TestServer.shared())
        let (url, direct) = (pooler.url(of: place.name), place.address)
        let database = try await open(url: url) {
            $0.preparesStatements = false
            $0.listenURL = direct
        }
        // It has no other URL than the pooler's: it tells, but does not hear.
        let deaf = try await open(url: url) { $0.preparesStatements = false }
        try await until("it listens") { try await database.changeMark() > 0 }
        let (mark, none) = (try await database.changeMark(), try await deaf.changeMark())
        try await deaf.write { $0.notify() }
        try await until("it has heard") { try await database.changeMark() > mark }
        #expect(try await deaf.changeMark() > none)
        await database.close()
        await deaf.close()
        withExtendedLifetime(place) {}
    }

    @Test func `a cancelled task's statement is stopped through the pooler`() async throws {
        let scene = try await scene { $0.readers = 1 }
        let other = try await open(scene.place)
        for _ in 0..<3 {
            let sleeper = Task { try await scene.database.value("SELECT pg_sleep(60)") }
            try await until("it sleeps") {
                try await other.value(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
                ) == 1
            }
            sleeper.cancel()
            await #expect(throws: CancellationError.self) { try await sleeper.value }
            #expect(try await scene.database.value("SELECT 1") == 1)
        }
        await scene.database.close()
        await other.close()
    }

    @Test func `prepared statements through the pooler are refused at the start, with what to switch off`() async throws
    {
        let place = try await TestDatabase(.postgres)
        let pooler = try await Pooler(before: TestServer.shared())
        let error = await refusal { try await open(url: pooler.url(of: place.name)) }
        #expect(error?.code == .cannotOpen)
        #expect(error?.message.contains("DATABASE_PREPARED=off") == true, "\(error?.message ?? "it opened")")
    }

    @Test func `a pooler whose server is gone says so in time`() async throws {
        let server = try await PrivateServer()
        let behind = try await TestServer(url: server.url)
        let pooler = try await Pooler(before: behind)
        let database = try await open(url: pooler.url(of: "postgres")) {
            $0.preparesStatements = false
            // The pooler keeps a client waiting for a server that is gone.
            $0.answerPatience = .seconds(2)
        }
        #expect(try await database.value("SELECT 1") == 1)
        await behind.close()
        try await server.stop("immediate")
        #expect(await refusal { try await database.value("SELECT 1") }?.code == .io)
        try await server.start()
        try await until("it serves again") { await refusal { try await database.value("SELECT 1") } == nil }
        await database.close()
    }
}
