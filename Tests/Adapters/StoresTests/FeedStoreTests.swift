import Core
import TestDatabases
import Testing

struct FeedStoreTests {
    let feed = FeedStore()
    let source = SourceID(1)

    private func moment(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    /// Runs `body` on a new database with `entries` entries, items 101, 102, ….
    private func onFeed(
        of entries: Int64, on dialect: Dialect, _ body: @escaping @Sendable (any Connection) throws -> Void
    ) async throws {
        try await onTables(dialect) { connection in
            if entries > 0 { try connection.feed((1...entries).map { 100 + $0 }) }
            try body(connection)
        }
    }

    private func positions(_ reading: FeedStore.Reading) -> [Int64]? {
        if case .entries(let entries) = reading { entries.map(\.position) } else { nil }
    }

    private func prune(
        _ connection: any Connection, rows: Int64 = 1000, newerThan age: Timestamp = Timestamp(microseconds: 0),
        limit: Int64 = 1000
    ) throws -> Int {
        try feed.prune(
            followersSeenSince: moment(100), rows: rows, newerThan: age, limit: limit, on: connection)
    }

    @Test(arguments: Dialect.allCases) func `a new feed is empty and at its beginning`(on dialect: Dialect) async throws
    {
        try await onFeed(of: 0, on: dialect) { connection throws in
            #expect(try feed.head(on: connection) == 0)
            #expect(try feed.floor(on: connection) == 0)
            #expect(try positions(feed.read(after: 0, limit: 10, on: connection)) == [])
            #expect(try prune(connection) == 0)
        }
    }

    @Test(arguments: Dialect.allCases)
    func `entries come in the order in which they were written, as many as asked for`(on dialect: Dialect) async throws
    {
        try await onFeed(of: 5, on: dialect) { connection throws in
            guard case .entries(let entries) = try feed.read(after: 1, limit: 3, on: connection) else {
                Issue.record("nothing was pruned")
                return
            }
            #expect(entries.map(\.position) == [2, 3, 4])
            #expect(entries.map(\.item) == [102, 103, 104])
            #expect(entries.allSatisfy { $0.source == source })
            #expect(try positions(feed.read(after: 4, limit: 3, on: connection)) == [5])
            #expect(try positions(feed.read(after: 5, limit: 3, on: connection)) == [])
            #expect(try feed.head(on: connection) == 5)
        }
    }

    @Test(arguments: Dialect.allCases) func `a position below the floor is too old, the floor itself is not`(
        on dialect: Dialect
    ) async throws {
        try await onFeed(of: 10, on: dialect) { connection throws in
            try feed.follow("index", at: 4, now: moment(100), on: connection)
            #expect(try prune(connection) == 4)
            #expect(try feed.floor(on: connection) == 4)
            #expect(try positions(feed.read(after: 4, limit: 100, on: connection)) == Array(5...10))
            guard case .tooOld(let floor) = try feed.read(after: 3, limit: 100, on: connection) else {
                Issue.record("entry 4 is gone and nobody was told")
                return
            }
            #expect(floor == 4)
        }
    }

    @Test(arguments: Dialect.allCases) func `pruning stops below the slowest live follower`(on dialect: Dialect)
        async throws
    {
        try await onFeed(of: 10, on: dialect) { connection throws in
            try feed.follow("fast", at: 9, now: moment(100), on: connection)
            try feed.follow("slow", at: 3, now: moment(200), on: connection)
            #expect(try prune(connection) == 3)
            #expect(try prune(connection) == 0)
            try feed.follow("slow", at: 7, now: moment(200), on: connection)
            #expect(try prune(connection) == 4)
        }
    }

    @Test(arguments: Dialect.allCases) func `a follower that was not seen for long holds nothing up`(
        on dialect: Dialect
    ) async throws {
        try await onFeed(of: 10, on: dialect) { connection throws in
            try feed.follow("gone", at: 2, now: moment(99), on: connection)
            try feed.follow("here", at: 8, now: moment(100), on: connection)
            #expect(try prune(connection) == 8)
        }
    }

    @Test(arguments: Dialect.allCases) func `without a live follower everything goes, and positions go on from there`(
        on dialect: Dialect
    ) async throws {
        try await onFeed(of: 10, on: dialect) { connection throws in
            #expect(try prune(connection) == 10)
            #expect(try feed.head(on: connection) == 10)
            try connection.feed([7])
            #expect(try positions(feed.read(after: 10, limit: 10, on: connection)) == [11])
        }
    }

    @Test(arguments: Dialect.allCases)
    func `entries that are too old go whoever may want them, as many as are asked for`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection in
            for (item, second) in [(1, 10), (2, 20), (3, 30), (4, 40)] as [(Int64, Int64)] {
                try feed.append([item], of: source, now: moment(second), on: connection)
                _ = try feed.sequence(limit: 9, on: connection)
            }
            try feed.follow("slow", at: 0, now: moment(100), on: connection)
            #expect(try prune(connection, newerThan: moment(10)) == 0)
            #expect(try prune(connection, newerThan: moment(35), limit: 2) == 2)
            #expect(try prune(connection, newerThan: moment(35)) == 1)
            #expect(try positions(feed.read(after: 3, limit: 9, on: connection)) == [4])
        }
    }

    @Test(arguments: Dialect.allCases) func `beyond the cap entries go whoever may want them`(on dialect: Dialect)
        async throws
    {
        try await onFeed(of: 10, on: dialect) { connection throws in
            try feed.follow("slow", at: 1, now: moment(100), on: connection)
            #expect(try prune(connection, rows: 4) == 6)
            guard case .tooOld = try feed.read(after: 1, limit: 1, on: connection) else {
                Issue.record("the slow follower was not told to rebuild")
                return
            }
        }
    }

    @Test(arguments: Dialect.allCases) func `one step removes at most its limit, the oldest first`(on dialect: Dialect)
        async throws
    {
        try await onFeed(of: 10, on: dialect) { connection throws in
            #expect(try prune(connection, limit: 4) == 4)
            #expect(try feed.floor(on: connection) == 4)
            #expect(try prune(connection, limit: 4) == 4)
            #expect(try prune(connection, limit: 4) == 2)
            #expect(try prune(connection, limit: 4) == 0)
        }
    }

    @Test(arguments: Dialect.allCases) func `a follower that claims more than there is hides nothing that comes later`(
        on dialect: Dialect
    ) async throws {
        try await onFeed(of: 3, on: dialect) { connection throws in
            try feed.follow("ahead", at: 1_000_000, now: moment(100), on: connection)
            #expect(try prune(connection) == 3)
            #expect(try feed.floor(on: connection) == 3)
            try connection.feed([7])
            #expect(try positions(feed.read(after: 3, limit: 10, on: connection)) == [4])
        }
    }

    @Test(arguments: Dialect.allCases) func `an undone transaction leaves no gap and no entry`(on dialect: Dialect)
        async throws
    {
        let place = try await TestDatabase(dialect)
        let database = try await place.program()
        struct Refused: Error {}
        await #expect(throws: Refused.self) {
            try await database.write { connection in
                try connection.feed([1, 2], inOrder: false)
                throw Refused()
            }
        }
        let positions = try await database.write { connection in
            try connection.feed([3])
            return try FeedStore().head(on: connection)
        }
        #expect(positions == 1)
        await database.close()
    }
}

extension Connection {
    /// Appends entries for items of source 1 and, where asked and on PostgreSQL, gives them their positions.
    func feed(_ items: [Int64], inOrder: Bool = true) throws(DatabaseError) {
        try FeedStore().append(items, of: SourceID(1), now: Timestamp(microseconds: 0), on: self)
        if inOrder { _ = try FeedStore().sequence(limit: 10_000, on: self) }
    }
}
