import Core
import DatabasePostgres
import Foundation
import TestDatabases
import Testing

/// The order of the feed on PostgreSQL: that of visibility, whatever the order in which transactions began, drew numbers or
/// were held up.
struct FeedOrderTests {
    private let feed = FeedStore()

    private func sequence(_ database: any Database, limit: Int = 10_000) async throws -> Int {
        try await database.write { [feed] in try feed.sequence(limit: limit, on: $0) }
    }

    /// Items after `position`, in order, as a follower reads them.
    private func items(_ database: any Database, after position: Int64 = 0) async throws -> [Int64] {
        try await database.read { [feed] connection in
            guard case .entries(let entries) = try feed.read(after: position, limit: 10_000, on: connection) else {
                return []
            }
            return entries.map(\.item)
        }
    }

    @Test func `a transaction that drew its numbers first and commits last comes last`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.program()
        let (inside, goOn) = (Gate(), Gate())
        let early = Task {
            try await database.write { connection in
                try connection.feed([1, 2], inOrder: false)
                inside.open()
                goOn.wait()
            }
        }
        await inside.passed()
        try await database.write { try $0.feed([3], inOrder: false) }
        #expect(try await sequence(database) == 1)
        let position = try await database.read { [feed] in try feed.head(on: $0) }
        #expect(try await items(database) == [3])
        goOn.open()
        try await early.value
        #expect(try await sequence(database) == 2)
        // A follower that had read to the head misses nothing.
        #expect(try await items(database, after: position) == [1, 2])
        await database.close()
    }

    @Test func `followers miss nothing while many write and several put in order`() async throws {
        let place = try await TestDatabase(.postgres)
        let databases = [try await place.program(), try await place.program()]
        let (writers, each) = (6, 40)
        let isWritten = Gate()
        let follower = Task { [feed] in
            var (position, seen): (Int64, [Int64]) = (0, [])
            while seen.count < writers * each {
                let reading = try await databases[0].read { [position] in
                    try feed.read(after: position, limit: 7, on: $0)
                }
                guard case .entries(let entries) = reading else { break }
                seen += entries.map(\.item)
                position = entries.last?.position ?? position
                if entries.isEmpty && isWritten.isOpen { _ = try await sequence(databases[0]) }
            }
            return seen
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<writers {
                group.addTask {
                    for number in 0..<each {
                        let item = Int64(writer * 1000 + number)
                        try await databases[writer % 2].write { connection in
                            try connection.feed([item], inOrder: false)
                            // Commits come in another order than numbers are drawn.
                            _ = try connection.row(
                                .both("SELECT pg_sleep(:pause)"), ["pause": .real(Double((number + writer) % 3) / 500)])
                        }
                    }
                }
            }
            for database in databases {
                group.addTask { for _ in 0..<60 { _ = try await sequence(database, limit: 5) } }
            }
            try await group.waitForAll()
        }
        isWritten.open()
        let seen = try await follower.value
        #expect(seen.count == writers * each && Set(seen).count == seen.count)
        for writer in 0..<writers {
            let own = seen.filter { $0 / 1000 == Int64(writer) }
            #expect(own == own.sorted())
        }
        for database in databases { await database.close() }
    }

    @Test func `only one puts in order at a time, and nobody waits for it`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.program()
        try await database.write { try $0.feed([1, 2, 3], inOrder: false) }
        let (inside, goOn) = (Gate(), Gate())
        let first = Task { [feed] in
            try await database.write { connection in
                let count = try feed.sequence(limit: 2, on: connection)
                inside.open()
                goOn.wait()
                return count
            }
        }
        await inside.passed()
        #expect(try await sequence(database) == 0)
        goOn.open()
        #expect(try await first.value == 2)
        #expect(try await sequence(database, limit: 1) == 1)
        #expect(try await items(database) == [1, 2, 3])
        await database.close()
    }

    @Test func `open and forgotten transactions hold nothing up, here or in another database`() async throws {
        let place = try await TestDatabase(.postgres)
        let elsewhere = try await TestDatabase(.postgres)
        let (database, other) = (try await place.program(), try await elsewhere.program())
        // Prepared for a second phase that never comes, with rows in this very database.
        try await Program.run(
            "psql",
            [
                place.address, "-qc",
                "BEGIN; INSERT INTO millrace.meta VALUES ('x', 'y'); PREPARE TRANSACTION 'forgotten_\(place.name)'",
            ])
        let (inside, goOn) = (Gate(), Gate())
        let open = [database, other].map { database in
            Task {
                try await database.write { connection in
                    try connection.run(.both("INSERT INTO \(Table.meta)(name, value) VALUES ('open', 'x')"))
                    inside.open()
                    goOn.wait()
                }
            }
        }
        await inside.passed()
        await inside.passed()
        try await database.write { try $0.feed([1, 2], inOrder: false) }
        #expect(try await sequence(database) == 2)
        #expect(try await items(database) == [1, 2])
        goOn.open()
        goOn.open()
        for task in open { try await task.value }
        try await Program.run("psql", [place.address, "-qc", "ROLLBACK PREPARED 'forgotten_\(place.name)'"])
        for database in [database, other] { await database.close() }
        withExtendedLifetime(elsewhere) {}
    }

    @Test func `after dump and restore in a fresh cluster positions, fences and numbers go on from where they were`()
        async throws
    {
        let place = try await TestDatabase(.postgres)
        let database = try await place.program()
        let jobs = JobStore()
        let (item, fence) = try await database.write { connection in
            try connection.feed(Array(1...20))
            try connection.feed([21, 22], inOrder: false)
            _ = try FeedStore().prune(
                followersSeenSince: Timestamp(microseconds: 0), rows: 1000, newerThan: Timestamp(microseconds: 0),
                limit: 15, on: connection)
            for key in Int64(1)...3 { try connection.want(Key([.integer(key)])) }
            let claimed = try jobs.claim(.none, limit: 3, worker: connection.worker(), on: connection)
            try jobs.finish(claimed, on: connection)
            let item = try EmbeddingStore().put(
                [1], hash: [1], space: "tiny", key: Key([1]), source: SourceID(1), now: Timestamp(microseconds: 1),
                on: connection)
            _ = try EmbeddingStore().remove(Key([1]), source: SourceID(1), on: connection)
            return (item, claimed[0].fence)
        }
        await database.close()
        let server = try await PrivateServer()
        let fresh = try await TestServer(url: server.url)
        let name = try await fresh.createDatabase()
        try await Program.run(
            "bash",
            [
                "-c",
                "set -o pipefail; pg_dump --format=custom \"$0\" | pg_restore --exit-on-error --no-owner --dbname=\"$1\"",
                place.address, fresh.url(of: name),
            ])
        let restored = try await PostgresDatabase.open(fresh.url(of: name), logger: .quiet)
        #expect(try await restored.migrate() == [])
        try await restored.write { connection in
            #expect(try FeedStore().floor(on: connection) == 15)
            #expect(try FeedStore().head(on: connection) == 20)
            // What had no position yet gets the next ones.
            #expect(try FeedStore().sequence(limit: 100, on: connection) == 2)
            guard case .entries(let entries) = try FeedStore().read(after: 20, limit: 9, on: connection) else {
                Issue.record("nothing was pruned")
                return
            }
            #expect(entries.map(\.position) == [21, 22] && entries.map(\.item) == [21, 22])
            try connection.want(Key([1]))
            let claimed = try jobs.claim(.none, limit: 3, worker: connection.worker(), on: connection)
            #expect(claimed.count == 1 && claimed[0].fence > fence && claimed[0].id.rawValue > 3)
            let next = try EmbeddingStore().put(
                [1], hash: [1], space: "tiny", key: Key([1]), source: SourceID(1), now: Timestamp(microseconds: 1),
                on: connection)
            #expect(next > item)
        }
        await restored.close()
        await fresh.close()
    }

    /// A restore of the rows alone, by COPY or by a tool that forgets the sequences.
    @Test func `sequences that were left behind are put right when the schema is looked at`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.program()
        try await database.write { connection in
            try connection.feed([1, 2, 3])
            try connection.want(Key([1]))
            _ = try JobStore().claim(.none, limit: 1, worker: connection.worker(), on: connection)
            try connection.script(
                """
                SELECT setval('millrace.feed_seq_seq', 1), setval('millrace.job_id_seq', 1, false),
                    setval('millrace.fence', 1, false), setval('millrace.worker_id_seq', 1, false);
                UPDATE millrace.meta SET value = '7' WHERE name = 'feed_floor';
                UPDATE millrace.job SET fence = 50;
                """)
        }
        #expect(try await database.migrate() == [])
        try await database.write { connection in
            try connection.feed([4])
            #expect(try FeedStore().head(on: connection) == 8)
            try connection.want(Key([2]))
            let claimed = try JobStore().claim(.none, limit: 1, worker: connection.worker(), on: connection)
            #expect(claimed.map(\.fence) == [51])
            #expect(claimed.map(\.id.rawValue) == [2])
        }
        await database.close()
    }
}
