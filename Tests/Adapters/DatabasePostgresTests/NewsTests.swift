import Core
import DatabasePostgres
import TestDatabases
import Testing

/// The change mark and who moves it.
struct NewsTests {
    @Test func `a commit that says so moves the mark of every process, one that does not moves none`() async throws {
        let place = try await TestDatabase(.postgres)
        let (here, there) = (try await open(place), try await open(place))
        try await here.write { try $0.script("CREATE TABLE t(a bigint)") }
        try await settled([here, there])
        let (mine, theirs) = (try await here.changeMark(), try await there.changeMark())
        try await here.write { try $0.run(.both("INSERT INTO t VALUES (1)")) }
        try await there.write { connection in
            try connection.run(.both("INSERT INTO t VALUES (2)"))
            connection.notify()
        }
        // Its own mark has moved when the write returns.
        #expect(try await there.changeMark() == theirs + 1)
        try await until("the other has heard") { try await here.changeMark() == mine + 1 }
        await here.close()
        await there.close()
    }

    @Test func `a body that fails tells nobody`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place)
        try await settled([database])
        let mark = try await database.changeMark()
        struct Refused: Error {}
        await #expect(throws: Refused.self) {
            try await database.write { connection in
                connection.notify()
                throw Refused()
            }
        }
        #expect(try await database.changeMark() == mark)
        await database.close()
    }

    @Test func `many calls become few messages, and the last is always told`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place) { $0.notifyInterval = .milliseconds(100) }
        let other = try await open(place)
        try await settled([database, other])
        let mark = try await other.changeMark()
        let start = ContinuousClock.now
        for _ in 0..<500 { try await database.read { $0.notify() } }
        try await until("the last has come") { try await other.changeMark() > mark }
        let longest = Int64((ContinuousClock.now - start) / .milliseconds(100)) + 2
        #expect(try await other.changeMark() - mark <= longest)
        await database.close()
        await other.close()
    }

    @Test func `a message is heard while nobody runs a statement, and no transaction carries it`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await open(place)
        try await settled([database])
        let mark = try await database.changeMark()
        try await Program.run("psql", [place.address, "-qc", "NOTIFY millrace"])
        try await until("it has come") { try await database.changeMark() == mark + 1 }
        try await Program.run("psql", [place.address, "-qc", "NOTIFY other"])
        #expect(try await database.changeMark() == mark + 1)
        await database.close()
    }

    @Test func `a listener that lost its connection counts that as news`() async throws {
        let place = try await TestDatabase(.postgres)
        let (database, other) = (try await open(place), try await open(place))
        try await settled([database, other])
        let mark = try await database.changeMark()
        _ = try await other.value(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        try await until("it listens again") { try await database.changeMark() > mark }
        let again = try await other.changeMark()
        try await database.write { $0.notify() }
        try await until("it tells again") { try await other.changeMark() > again }
        await database.close()
        await other.close()
    }

    /// Returns when each of `databases` listens.
    private func settled(_ databases: [PostgresDatabase]) async throws {
        for database in databases {
            try await until("it listens") { try await database.changeMark() > 0 }
        }
    }
}
