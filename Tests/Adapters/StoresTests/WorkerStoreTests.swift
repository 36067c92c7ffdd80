import Core
import TestDatabases
import Testing

@testable import Core

struct WorkerStoreTests {
    let store = WorkerStore()

    private func moment(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    @Test(arguments: Dialect.allCases) func `each start is an incarnation of its own`(on dialect: Dialect) async throws
    {
        try await onTables(dialect) { connection throws in
            let (first, second) = (try connection.worker("same"), try connection.worker("same"))
            #expect(first < second)
            #expect(try store.beats(on: connection) == [first: 0, second: 0])
        }
    }

    @Test(arguments: Dialect.allCases) func `a beat is a larger number`(on dialect: Dialect) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try connection.worker()
            #expect(try store.beat(worker, now: moment(5), on: connection))
            #expect(try store.beat(worker, now: moment(3), on: connection))
            #expect(try store.beats(on: connection) == [worker: 2])
        }
    }

    @Test(arguments: Dialect.allCases, [WorkerEnd.lost, .stopped])
    func `an ended incarnation beats no more and ends once`(on dialect: Dialect, end: WorkerEnd) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try connection.worker()
            #expect(try store.end(worker, as: end, on: connection))
            #expect(try !store.end(worker, as: .lost, on: connection))
            #expect(try !store.beat(worker, now: moment(5), on: connection))
            try store.ready(worker, device: "cpu", model: "tiny", endpoint: nil, on: connection)
            #expect(try store.beats(on: connection).isEmpty)
        }
    }

    @Test(arguments: Dialect.allCases) func `nobody beats for a worker that never was`(on dialect: Dialect) async throws
    {
        try await onTables(dialect) { connection throws in
            #expect(try !store.beat(WorkerID(99), now: moment(5), on: connection))
            #expect(try !store.end(WorkerID(99), as: .lost, on: connection))
            #expect(try store.fencesInModel(of: WorkerID(99), on: connection) == [])
        }
    }

    @Test(arguments: Dialect.allCases) func `what is in the model is written down whole each time`(on dialect: Dialect)
        async throws
    {
        try await onTables(dialect) { connection throws in
            let (worker, other) = (try connection.worker(), try connection.worker())
            for fences in [Set<Int64>(), [7], [9, .max, 1], [2], []] {
                try store.enterModel(fences, of: worker, on: connection)
                #expect(try store.fencesInModel(of: worker, on: connection) == fences)
            }
            try store.enterModel([5], of: worker, on: connection)
            #expect(try store.fencesInModel(of: other, on: connection) == [])
        }
    }

    @Test(arguments: Dialect.allCases) func `totals add up and people see them`(on dialect: Dialect) async throws {
        try await onTables(dialect) { connection throws in
            let worker = try connection.worker("one")
            try store.ready(worker, device: "cpu", model: "tiny", endpoint: "unix:/s", on: connection)
            try store.count(succeeded: 5, failed: 1, skipped: 2, truncated: 1, of: worker, on: connection)
            try store.count(succeeded: 1, failed: 0, skipped: 0, truncated: 0, of: worker, on: connection)
            try store.enterModel([3], of: worker, on: connection)
            let listed = try store.list(on: connection)
            #expect(listed.map(\.name) == ["one"])
            #expect([listed[0].succeeded, listed[0].failed, listed[0].skipped, listed[0].truncated] == [6, 1, 2, 1])
            #expect(listed[0].state == "ready")
            #expect(listed[0].endpoint == "unix:/s")
            #expect(listed[0].isInModel)
            #expect(try store.totalSettled(on: connection) == 9)
        }
    }

    @Test(arguments: Dialect.allCases) func `the living are listed first, those who said goodbye not at all`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let workers = try ["lost", "alive", "stopped"].map { try connection.worker($0) }
            _ = try store.end(workers[0], as: .lost, on: connection)
            _ = try store.end(workers[2], as: .stopped, on: connection)
            #expect(try store.list(on: connection).map(\.name) == ["alive", "lost"])
        }
    }

    @Test(arguments: Dialect.allCases) func `ended incarnations are forgotten in time, but none that still holds a job`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let workers = try (0..<4).map { _ in try connection.worker() }
            for worker in workers {
                _ = try store.beat(worker, now: moment(worker == workers[3] ? 90 : 10), on: connection)
            }
            try connection.want(Key([1]))
            #expect(try JobStore().claim(.none, limit: 1, worker: workers[1], on: connection).count == 1)
            for worker in [workers[0], workers[1], workers[3]] { _ = try store.end(worker, as: .lost, on: connection) }
            #expect(try store.prune(endedBefore: moment(50), on: connection) == 1)
            let left = try connection.rows(.both("SELECT id FROM \(Table.worker) ORDER BY id")).map { $0.integer(0) }
            #expect(left == workers[1...].map(\.rawValue))
        }
    }
}
