import Core
import DatabasePostgres
import Foundation
import TestDatabases
import Testing

/// What happens when connections break, servers stop and tasks are cancelled.
struct ConnectionTests {
    @Test func `a connection that the server ended while it was idle is replaced unseen`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) { $0.writers = 1 }
        let other = try await open(place)
        for _ in 0..<3 {
            let identifier = try await database.write { try $0.value("SELECT pg_backend_pid()") }
            try await other.endBackend(identifier)
            let next = try await database.write { try $0.value("SELECT pg_backend_pid()") }
            #expect(next != nil && next != identifier)
        }
        await database.close()
        await other.close()
    }

    @Test func `a connection that is lost inside a body fails it as io, and the next one passes`() async throws {
        let place = try await TestDatabase(.postgres)
        let (database, other) = (try await open(place), try await open(place))
        try await database.write { try $0.script("CREATE TABLE t(a bigint)") }
        let (inside, goOn) = (Signal(), Signal())
        let identifier = Reported()
        let writer = Task {
            await refusal {
                try await database.write { connection in
                    try connection.run(.both("INSERT INTO t VALUES (1)"))
                    identifier.set(try connection.value("SELECT pg_backend_pid()"))
                    inside.send()
                    goOn.wait()
                    try connection.run(.both("INSERT INTO t VALUES (2)"))
                }
            }
        }
        await inside.received()
        try await other.endBackend(identifier.value)
        goOn.send()
        let error = await writer.value
        #expect(error?.code == .io)
        #expect(error?.isRetryable == true)
        try await database.write { try $0.run(.both("INSERT INTO t VALUES (3)")) }
        #expect(try await database.read { try $0.rows(.both("SELECT a FROM t")) } == [Row([3])])
        await database.close()
        await other.close()
    }

    @Test func `a connection that is lost during the commit leaves it unknown, and it is not done again`() async throws
    {
        let place = try await TestDatabase(.postgres)
        let (database, other) = (try await open(place), try await open(place))
        // The commit takes long: a constraint that is looked at then, and waits.
        try await database.write {
            try $0.script(
                """
                CREATE TABLE t(a bigint);
                CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
                CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION wait();
                """)
        }
        let runs = Counter()
        let writer = Task {
            await refusal {
                try await database.write { connection in
                    runs.add()
                    try connection.run(.both("INSERT INTO t VALUES (1)"))
                }
            }
        }
        try await until("the commit runs") {
            try await other.value(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query = 'COMMIT' AND state = 'active' AND wait_event = 'PgSleep'
                """) == 1
        }
        let error = await writer.value
        #expect(error?.code == .commitUnknown)
        #expect(error?.isRetryable == true)
        #expect(error?.message.contains("not known") == true)
        #expect(runs.value == 1)
        await database.close()
        await other.close()
    }

    @Test func `a read whose connection is lost at its end has read all the same`() async throws {
        let place = try await TestDatabase(.postgres)
        let (database, other) = (try await open(place), try await open(place))
        let (inside, goOn) = (Signal(), Signal())
        let identifier = Reported()
        let reader = Task {
            try await database.read { connection in
                identifier.set(try connection.value("SELECT pg_backend_pid()"))
                inside.send()
                goOn.wait()
                return 42
            }
        }
        await inside.received()
        try await other.endBackend(identifier.value)
        goOn.send()
        #expect(try await reader.value == 42)
        await database.close()
        await other.close()
    }

    @Test func `a server that stops fails what runs and what comes, at once, and serves again when it is back`()
        async throws
    {
        let server = try await PrivateServer()
        let record = LogRecord()
        let database = try await open(url: server.url, logger: record.logger)
        try await database.write { try $0.script("CREATE TABLE t(a bigint); INSERT INTO t VALUES (1)") }
        let mark = try await database.changeMark()
        async let sleeping = refusal { try await database.value("SELECT pg_sleep(60)") }
        try await until("it sleeps") {
            try await database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 1
        }
        try await server.stop("immediate")
        let interrupted = await sleeping
        #expect(interrupted?.code == .io)
        // More than there are connections: those that wait in line are told with the one that tried.
        let start = ContinuousClock.now
        let refusals = await withTaskGroup(of: DatabaseError?.self) { group in
            for _ in 0..<20 { group.addTask { await refusal { try await database.value("SELECT 1") } } }
            return await group.reduce(into: [DatabaseError?]()) { $0.append($1) }
        }
        #expect(refusals.allSatisfy { $0?.code == .io })
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(refusals[0]?.message.contains("cannot be reached") == true)
        try await server.start()
        try await until("it serves again") {
            await refusal { try await database.value("SELECT a FROM t") } == nil
        }
        try await until("the listener is back") { try await database.changeMark() > mark }
        await database.close()
        #expect(record.all.contains { $0.contains("no connection to the database") })
    }

    @Test func `a server that stands still fails a statement after a while`() async throws {
        let place = try await TestDatabase(.postgres)
        let other = try await open(place)
        let database = try await open(place) {
            $0.statementTimeout = .milliseconds(200)
            $0.answerPatience = .milliseconds(300)
            $0.writers = 1
        }
        let identifier = try await database.write { try $0.value("SELECT pg_backend_pid()") }
        let (inside, goOn) = (Signal(), Signal())
        let writer = Task {
            await refusal {
                try await database.write { connection in
                    inside.send()
                    goOn.wait()
                    _ = try connection.value("SELECT 1")
                }
            }
        }
        await inside.received()
        try await PrivateServer.signal("STOP", identifier?.integer ?? 0)
        goOn.send()
        let error = await writer.value
        try await PrivateServer.signal("CONT", identifier?.integer ?? 0)
        #expect(error?.code == .io)
        #expect(error?.message.contains("did not answer") == true)
        #expect(try await database.write { try $0.value("SELECT 1") } == 1)
        await database.close()
        await other.close()
    }

    @Test func `a transaction that stands still is ended by the server`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) { $0.idleInTransactionTimeout = .milliseconds(100) }
        let other = try await open(place)
        let (inside, goOn) = (Signal(), Signal())
        let writer = Task {
            await refusal {
                try await database.write { connection in
                    _ = try connection.value("SELECT 1")
                    inside.send()
                    goOn.wait()
                    _ = try connection.value("SELECT 1")
                }
            }
        }
        await inside.received()
        try await until("the server has ended it") {
            try await other.value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
            ) == 0
        }
        goOn.send()
        #expect(await writer.value?.code == .io)
        await database.close()
        await other.close()
    }

    @Test func `a cancelled task's statement is stopped, and its connection serves on`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) { $0.readers = 1 }
        let other = try await open(place)
        for _ in 0..<5 {
            let sleeper = Task { try await database.value("SELECT pg_sleep(60)") }
            try await until("it sleeps") {
                try await other.value(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
                ) == 1
            }
            sleeper.cancel()
            await #expect(throws: CancellationError.self) { try await sleeper.value }
            #expect(try await database.value("SELECT 1") == 1)
        }
        await database.close()
        await other.close()
    }

    @Test func `a task cancelled while it waits in line never runs`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) { $0.writers = 1 }
        let (inside, goOn) = (Signal(), Signal())
        let first = Task {
            try await database.write { _ in
                inside.send()
                goOn.wait()
            }
        }
        await inside.received()
        let runs = Counter()
        let second = Task { try await database.write { _ in runs.add() } }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        goOn.send()
        try await first.value
        await database.close()
        #expect(runs.value == 0)
    }

    @Test func `connections that nobody needs are closed`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) {
            $0.idleConnection = .milliseconds(50)
            $0.applicationName = "looked at"
        }
        let other = try await open(place)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { _ = try await database.value("SELECT pg_sleep(0.01)") } }
            try await group.waitForAll()
        }
        try await until("they are closed, but for the listener") {
            try await other.value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'looked at'"
            ) == 1
        }
        #expect(try await database.value("SELECT 1") == 1)
        await database.close()
        await other.close()
    }

    @Test func `a database that is let go without being closed ends its connections`() async throws {
        let place = try await TestDatabase(.postgres)
        let other = try await open(place)
        do {
            let database = try await open(place) { $0.applicationName = "looked at" }
            #expect(try await database.value("SELECT 1") == 1)
        }
        try await until("they are gone") {
            try await other.value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'looked at'"
            ) == 0
        }
        await other.close()
    }
}
