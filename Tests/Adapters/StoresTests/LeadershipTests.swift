import Core
import TestDatabases
import Testing

/// Which of several servers does the queue's upkeep.
struct LeadershipTests {
    private let start = ContinuousClock.now

    private func leadership(_ holder: String) -> Leadership {
        Leadership(holder: holder, lease: .seconds(4), longestStep: .seconds(1))
    }

    private func stands(_ term: Leadership.Term?, _ database: any Database) async throws -> Bool {
        guard let term else { return false }
        return try await database.write { try Leadership.stands(term, on: $0) }
    }

    @Test(arguments: Dialect.allCases) func `the first to look leads, the others stand by`(on dialect: Dialect)
        async throws
    {
        let place = try await TestDatabase(dialect)
        let database = try await place.program()
        var (one, two) = (leadership("one"), leadership("two"))
        for second in 0..<20 {
            try await one.look(on: database, now: start + .seconds(second))
            try await two.look(on: database, now: start + .seconds(second))
            #expect(one.term != nil && two.term == nil)
        }
        #expect(try await stands(one.term, database))
        await database.close()
    }

    @Test(arguments: Dialect.allCases) func `a leader that stood still is replaced, and finds that out`(
        on dialect: Dialect
    ) async throws {
        let place = try await TestDatabase(dialect)
        let database = try await place.program()
        var (one, two) = (leadership("one"), leadership("two"))
        try await one.look(on: database, now: start)
        let old = one.term
        for second in 0..<4 {
            try await two.look(on: database, now: start + .seconds(second))
            #expect(two.term == nil)
        }
        try await two.look(on: database, now: start + .seconds(4))
        #expect(two.term != nil)
        // It does not know yet, and what it begins is not its business any more.
        #expect(try await !stands(old, database))
        try await one.look(on: database, now: start + .seconds(5))
        #expect(one.term == nil)
        #expect(try await stands(two.term, database))
        await database.close()
    }

    @Test(arguments: Dialect.allCases) func `of several that see it stand still one takes over`(
        on dialect: Dialect
    ) async throws {
        let place = try await TestDatabase(dialect)
        let databases = [try await place.program(), try await place.program()]
        var first = leadership("first")
        try await first.look(on: databases[0], now: start)
        let start = start
        var watchers: [Leadership] = []
        for number in 0..<6 {
            var watcher = leadership("other \(number)")
            for second in 0..<4 { try await watcher.look(on: databases[number % 2], now: start + .seconds(second)) }
            #expect(watcher.term == nil)
            watchers.append(watcher)
        }
        let terms = try await withThrowingTaskGroup(of: Leadership.Term?.self) { group in
            for (number, watcher) in watchers.enumerated() {
                group.addTask {
                    var watcher = watcher
                    try await watcher.look(on: databases[number % 2], now: start + .seconds(4))
                    return watcher.term
                }
            }
            return try await group.reduce(into: [Leadership.Term]()) { if let term = $1 { $0.append(term) } }
        }
        #expect(terms.count == 1)
        #expect(try await stands(terms.first, databases[0]))
        for database in databases { await database.close() }
    }

    @Test(arguments: Dialect.allCases)
    func `who says goodbye is followed at once, and a process by its name never twice`(
        on dialect: Dialect
    ) async throws {
        let place = try await TestDatabase(dialect)
        let database = try await place.program()
        var (one, two) = (leadership("one"), leadership("two"))
        try await one.look(on: database, now: start)
        let old = one.term
        try await one.resign(on: database)
        #expect(one.term == nil)
        try await two.look(on: database, now: start)
        #expect(two.term != nil && two.term != old)
        #expect(try await !stands(old, database))
        await database.close()
    }

    /// What a paused process cannot overstep: its transaction has the row, or its term is over.
    @Test func `nobody takes over inside a transaction of the leader's`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.program()
        var (one, two) = (leadership("one"), leadership("two"))
        try await one.look(on: database, now: start)
        let term = try #require(one.term)
        for second in 0..<4 { try await two.look(on: database, now: start + .seconds(second)) }
        let (inside, goOn) = (Gate(), Gate())
        let upkeep = Task {
            try await database.write { connection in
                let before = try Leadership.stands(term, on: connection)
                inside.open()
                goOn.wait()
                return try before && Leadership.stands(term, on: connection)
            }
        }
        await inside.passed()
        let start = start
        let successor = Task { [two] in
            var two = two
            try await two.look(on: database, now: start + .seconds(5))
            return two.term
        }
        try await waiting(database)
        goOn.open()
        #expect(try await upkeep.value)
        #expect(try await successor.value != nil)
        #expect(try await !stands(term, database))
        await database.close()
    }

    /// Returns when a transaction of this database waits for a lock.
    private func waiting(_ database: any Database) async throws {
        let look = SQL(
            postgres:
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        while try await database.read({ try $0.row(look)?.integer(0) }) == 0 { await Task.yield() }
    }
}
