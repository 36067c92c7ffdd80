import Core
import TestDatabases
import Testing

/// On PostgreSQL others may have a job's row just now: a user's trigger, another claim. Nobody waits for them.
struct LockedRowTests {
    private let jobs = JobStore()

    /// Holds the job of `key` in a transaction of a user's until `goOn` opens; then `end` says how it ends.
    private func holding(
        _ key: Key, _ database: any Database, _ goOn: Gate, wishing: Bool = false
    ) async throws -> Task<Void, any Error> {
        let inside = Gate()
        let user = Task {
            try await database.write { connection in
                if wishing {
                    try connection.want(key)
                } else {
                    _ = try connection.row(
                        SQL(postgres: "SELECT 1 FROM \(Table.job) WHERE key = :key FOR UPDATE"),
                        ["key": .text(key.literal)])
                }
                inside.open()
                goOn.wait()
            }
        }
        await inside.passed()
        return user
    }

    @Test func `a claim passes by what somebody has, and takes as many others`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.program()
        let worker = try await database.write { connection in
            for key in Int64(1)...5 { try connection.want(Key([.integer(key)])) }
            return try connection.worker()
        }
        let goOn = Gate()
        let user = try await holding(Key([2]), database, goOn)
        let claimed = try await database.write { [jobs] in
            try jobs.claim(.none, limit: 3, worker: worker, on: $0).map(\.key.literal)
        }
        #expect(claimed == ["1", "3", "4"])
        goOn.open()
        try await user.value
        let rest = try await database.write { [jobs] in
            try jobs.claim(.none, limit: 3, worker: worker, on: $0).map(\.key.literal)
        }
        #expect(rest == ["2", "5"])
        await database.close()
    }

    @Test func `claims at the same time take each job once and never more than they may`() async throws {
        let place = try await TestDatabase(.postgres)
        let databases = [try await place.program(), try await place.program()]
        let worker = try await databases[0].write { connection in
            for key in Int64(1)...400 { try connection.want(Key([.integer(key)])) }
            return try connection.worker()
        }
        let claims = try await withThrowingTaskGroup(of: [[Int64]].self) { [jobs] group in
            for number in 0..<6 {
                group.addTask {
                    var claims: [[Int64]] = []
                    repeat {
                        claims.append(
                            try await databases[number % 2].write {
                                try jobs.claim(.none, limit: 7, worker: worker, on: $0).map(\.id.rawValue)
                            })
                    } while claims.last?.isEmpty == false
                    return claims
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(claims.allSatisfy { $0.count <= 7 })
        #expect(claims.flatMap { $0 }.sorted() == Array(1...400))
        for database in databases { await database.close() }
    }

    @Test func `a job that somebody has is known from one that is lost`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.program()
        let claimed = try await database.write { [jobs] connection in
            for key in Int64(1)...4 { try connection.want(Key([.integer(key)])) }
            let claimed = try jobs.claim(.none, limit: 4, worker: connection.worker(), on: connection)
            try connection.want(Key([3]))
            try connection.run(.both("DELETE FROM \(Table.job) WHERE key = '4'"))
            return claimed
        }
        let goOn = Gate()
        let user = try await holding(Key([2]), database, goOn, wishing: true)
        let standings = try await database.write { [jobs] in try jobs.standing(of: claimed, on: $0) }
        #expect(standings == [.current, .locked, .superseded, .lost])
        // Nor does anything else that is done at every round wait for it.
        try await database.write { [jobs] connection in
            #expect(try jobs.freeOrphans(on: connection).freed.isEmpty)
            _ = try jobs.promote(now: Timestamp(microseconds: 5), limit: 9, on: connection)
            let rescued = try jobs.rescue(WorkerID(1), error: "e", on: connection)
            #expect(rescued.freed.map(\.key.literal).sorted() == ["1", "3"])
        }
        goOn.open()
        try await user.value
        let later = try await database.write { [jobs] in try jobs.standing(of: claimed, on: $0) }
        #expect(later == [.lost, .superseded, .lost, .lost])
        await database.close()
    }

    @Test func `what is settled is ours until the transaction ends`() async throws {
        let place = try await TestDatabase(.postgres)
        let database = try await place.program()
        let claimed = try await database.write { [jobs] connection in
            try connection.want(Key([1]))
            return try jobs.claim(.none, limit: 1, worker: connection.worker(), on: connection)
        }
        let (inside, goOn) = (Gate(), Gate())
        let settling = Task { [jobs] in
            try await database.write { connection in
                let standing = try jobs.standing(of: claimed, on: connection)
                inside.open()
                goOn.wait()
                try jobs.finish(claimed, on: connection)
                return standing
            }
        }
        await inside.passed()
        let other = try await database.write { [jobs] in try jobs.standing(of: claimed, on: $0) }
        #expect(other == [.locked])
        goOn.open()
        #expect(try await settling.value == [.current])
        #expect(try await database.read { try $0.count(Table.job) } == 0)
        await database.close()
    }
}
