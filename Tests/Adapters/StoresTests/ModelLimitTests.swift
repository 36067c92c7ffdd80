import Core
import TestDatabases
import Testing

struct ModelLimitTests {
    private let store = JobStore()

    /// Source 1 is of the model `tiny`, source 2 of `large`; each has jobs for keys 1 to 30.
    private func fill(_ connection: any Connection) throws -> WorkerID {
        try connection.run(.both("UPDATE \(Table.source) SET model = 'large' WHERE id = 2"))
        for key in Int64(1)...30 {
            try connection.want(Key([.integer(key)]), of: SourceID(1))
            try connection.want(Key([.integer(key)]), of: SourceID(2))
        }
        return try connection.worker()
    }

    private func limit(
        concurrency: Int? = nil, perMinute: Int? = nil, of model: String = "tiny", on connection: any Connection
    ) throws {
        try ModelLimitStore().set(
            ModelLimit(model: model, concurrency: concurrency, perMinute: perMinute), on: connection)
    }

    /// Claims, and counts what was claimed of each source.
    private func claim(
        _ limit: Int, turn: Int = 0, _ worker: WorkerID, on connection: any Connection
    ) throws -> [Int] {
        let jobs = try store.claim(.none, limit: limit, turn: turn, worker: worker, on: connection)
        return [1, 2].map { source in jobs.count { $0.source == SourceID(source) } }
    }

    /// Lets time pass for the buckets.
    private func wait(seconds: Int, on connection: any Connection) throws {
        try connection.run(
            .both("UPDATE \(Table.modelLimit) SET refilled_at = refilled_at - :pause"),
            ["pause": Value(seconds * 1_000_000)])
    }

    @Test(arguments: Dialect.allCases) func `no more jobs of a model run than its limit says`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try fill(connection)
            try limit(concurrency: 3, on: connection)
            try limit(concurrency: 2, of: "large", on: connection)
            let jobs = try store.claim(.none, limit: 20, worker: worker, on: connection)
            #expect(jobs.map(\.key.literal) == ["1", "1", "2", "2", "3"])
            #expect(try !store.hasAvailable(on: connection))
            #expect(try claim(20, worker, on: connection) == [0, 0])
            try store.finish(jobs.filter { $0.source == SourceID(1) }, on: connection)
            #expect(try store.hasAvailable(on: connection))
            #expect(try claim(20, worker, on: connection) == [3, 0])
        }
    }

    @Test(arguments: Dialect.allCases) func `no more jobs of a model begin in a minute than its limit says`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try fill(connection)
            try limit(perMinute: 60, on: connection)
            try limit(perMinute: 3, of: "large", on: connection)
            #expect(try claim(50, worker, on: connection) == [0, 0])
            #expect(try !store.hasAvailable(on: connection))
            try wait(seconds: 5, on: connection)
            #expect(try store.hasAvailable(on: connection))
            #expect(try claim(2, worker, on: connection) == [2, 0])
            #expect(try claim(50, worker, on: connection) == [3, 0])
            #expect(try !store.hasAvailable(on: connection))
            try wait(seconds: 15, on: connection)
            #expect(try claim(50, worker, on: connection) == [10, 1], "ten seconds' worth, and one at least")
        }
    }

    @Test(arguments: Dialect.allCases) func `a clock that is set fills the bucket once`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try fill(connection)
            try limit(perMinute: 12, on: connection)
            try connection.run(.both("DELETE FROM \(Table.job) WHERE source_id = 2"))
            for jump in [-3600, 3600] {
                try wait(seconds: jump, on: connection)
                #expect(try claim(50, worker, on: connection) == [2, 0])
                #expect(try claim(50, worker, on: connection) == [0, 0])
            }
        }
    }

    @Test(arguments: Dialect.allCases) func `other models take the rest, and each claim begins with another`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try fill(connection)
            try limit(concurrency: 4, on: connection)
            #expect(try claim(10, turn: 1, worker, on: connection) == [0, 10])
            #expect(try claim(10, turn: 2, worker, on: connection) == [4, 6])
            try limit(on: connection)
            #expect(try claim(10, worker, on: connection) == [10, 0], "the limit is gone: the oldest come first")
        }
    }

    @Test(arguments: Dialect.allCases) func `batches of suspects are no larger where parts of a claim share them`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try fill(connection)
            try connection.run(.both("UPDATE \(Table.job) SET crashes = 1"))
            try limit(concurrency: 9, on: connection)
            let jobs = try store.claim(.some, limit: 32, batches: 4, turn: 2, worker: worker, on: connection)
            let batches = Dictionary(grouping: jobs, by: \.fence).sorted { $0.key < $1.key }.map(\.value)
            #expect(batches.map { Set($0.map(\.source)).count } == [1, 1, 1, 1])
            #expect(batches.map(\.count) == [8, 1, 8, 8])
            #expect(jobs.count { $0.source == SourceID(1) } == 9)
        }
    }

    @Test(arguments: Dialect.allCases) func `a suspended source spends nothing of its model's limit`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try fill(connection)
            try limit(concurrency: 4, on: connection)
            try connection.run(.both("UPDATE \(Table.source) SET state = 'suspended'"))
            #expect(try !store.hasAvailable(on: connection))
            #expect(try claim(10, worker, on: connection) == [0, 0])
        }
    }

    @Test(arguments: Dialect.allCases) func `programs that claim at the same time keep to the limit together`(
        on dialect: Dialect
    ) async throws {
        let place = try await TestDatabase(dialect)
        let programs = [try await place.program(), try await place.program(), try await place.program()]
        let worker = try await programs[0].write { connection in
            try limit(concurrency: 7, on: connection)
            try wait(seconds: 60, on: connection)
            return try fill(connection)
        }
        let claimed = try await withThrowingTaskGroup(of: Int.self) { group in
            for turn in 0..<30 {
                group.addTask {
                    try await programs[turn % 3].write { connection in
                        try claim(2, turn: turn, worker, on: connection)[0]
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(claimed == 7)
        for program in programs { await program.close() }
    }
}
