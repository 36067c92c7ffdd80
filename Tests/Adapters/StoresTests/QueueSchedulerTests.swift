import Core
import Synchronization
import TestDatabases
import Testing

struct QueueSchedulerTests {
    /// A server's scheduler on a manual clock, beside a database that two programs have open.
    final class Scene: Sendable {
        let place: TestDatabase
        let database: any Database
        let scheduler: QueueScheduler
        let start = ContinuousClock.now
        let wall = Timestamp(microseconds: 1_700_000_000_000_000)
        let rescues = Rescues()

        init(
            _ dialect: Dialect, _ settings: QueueScheduler.Settings = .init(),
            afterRescue: @escaping @Sendable (JobStore.Rescue) throws -> Void = { _ in }
        ) async throws {
            place = try await TestDatabase(dialect)
            database = try await place.program()
            scheduler = QueueScheduler(database: database, settings: settings, logger: .quiet) { [rescues] _, rescue in
                try afterRescue(rescue)
                rescues.value.withLock { $0.append(rescue) }
            }
        }

        func tick(_ seconds: Double, wall shift: Duration = .zero) async throws {
            try await scheduler.tick(now: start + .seconds(seconds), wall: wall + .seconds(seconds) + shift)
        }

        func write<Result: Sendable>(
            _ body: @escaping @Sendable (any Connection) throws -> Result
        ) async throws -> Result {
            try await database.write { try body($0) }
        }

        func state(of key: Key) async throws -> JobMachine? {
            try await database.read { connection in
                let row = try connection.row(
                    .both("SELECT id FROM \(Table.job) WHERE key = :key"), ["key": .text(key.literal)])
                return try row.flatMap { try JobStore().machine(of: $0.id(0), on: connection) }
            }
        }
    }

    private func claimed(
        _ scene: Scene, keys: Int64, by worker: WorkerID? = nil
    ) async throws -> (worker: WorkerID, jobs: [Job]) {
        try await scene.write { connection in
            for key in 0..<keys { try connection.want(Key([.integer(key)])) }
            let worker = try worker ?? connection.worker()
            return (worker, try JobStore().claim(.none, limit: Int(keys), worker: worker, on: connection))
        }
    }

    @Test(arguments: Dialect.allCases)
    func `a rescue frees everything and counts a crash only for what was in the model`(on dialect: Dialect) async throws
    {
        let scene = try await Scene(dialect)
        let (worker, inModel) = try await claimed(scene, keys: 2)
        let prefetched = try await scene.write { connection in
            try WorkerStore().enterModel([inModel[0].fence], of: worker, on: connection)
            try connection.want(Key(["prefetched"]))
            return try JobStore().claim(.none, limit: 10, worker: worker, on: connection)
        }
        #expect(prefetched.count == 1)
        for second in 0..<4 { try await scene.tick(Double(second)) }
        #expect(scene.rescues.value.withLock { $0.isEmpty })
        try await scene.tick(4)
        for job in inModel {
            let machine = try await scene.state(of: job.key)
            #expect(machine?.state == .available)
            #expect(machine?.crashes == 1)
            #expect(machine?.aloneCrashes == 0)
            #expect(machine?.attempt == 0)
        }
        let innocent = try await scene.state(of: Key(["prefetched"]))
        #expect(innocent?.state == .available)
        #expect(innocent?.crashes == 0)
        #expect(scene.rescues.value.withLock { $0.map(\.freed.count) } == [3])
    }

    @Test(arguments: Dialect.allCases)
    func `a rescue goes in steps, and who goes on after a rescuer that died counts the rest alike`(on dialect: Dialect)
        async throws
    {
        let scene = try await Scene(dialect)
        let (worker, jobs) = try await claimed(scene, keys: 150)
        try await scene.write { try WorkerStore().enterModel(Set(jobs.map(\.fence)), of: worker, on: $0) }
        let rescuer = Rescuer(database: scene.database, logger: .quiet) { [rescues = scene.rescues] _, rescue in
            rescues.value.withLock { $0.append(rescue) }
        }
        let isFirst = Mutex(true)
        try await rescuer.declareLost(worker, because: "a test says so") { _ in
            isFirst.withLock { first in
                defer { first = false }
                return first
            }
        }
        #expect(scene.rescues.value.withLock { $0.map(\.freed.count) } == [64])
        #expect(try await scene.database.read { try WorkerStore().beats(on: $0)[worker] } != nil)
        try await rescuer.declareLost(worker, because: "a test says so")
        #expect(scene.rescues.value.withLock { $0.map(\.freed.count) } == [64, 64, 22])
        #expect(try await scene.database.read { try WorkerStore().beats(on: $0)[worker] } == nil)
        for job in jobs {
            let machine = try await scene.state(of: job.key)
            #expect(machine?.crashes == 1 && machine?.aloneCrashes == 0)
        }
    }

    @Test(arguments: Dialect.allCases)
    func `a round frees as many orphans as there are, in steps`(on dialect: Dialect) async throws {
        let scene = try await Scene(dialect)
        let (worker, jobs) = try await claimed(scene, keys: 150)
        _ = try await scene.write { try WorkerStore().end(worker, as: .stopped, on: $0) }
        try await scene.tick(0)
        #expect(scene.rescues.value.withLock { $0.map(\.freed.count) } == [64, 64, 22])
        for job in jobs { #expect(try await scene.state(of: job.key)?.crashes == 0) }
    }

    @Test(arguments: Dialect.allCases)
    func `a job that takes its worker down alone three times is held, with the error kept`(on dialect: Dialect)
        async throws
    {
        let scene = try await Scene(dialect)
        try await scene.write { try $0.want(Key([1])) }
        for crash in 0..<3 {
            let suspicion = Suspicion.allCases[min(crash, 2)]
            let worker = try await scene.write { connection in
                let worker = try connection.worker()
                let jobs = try JobStore().claim(suspicion, limit: 9, worker: worker, on: connection)
                #expect(jobs.count == 1)
                try WorkerStore().enterModel(Set(jobs.map(\.fence)), of: worker, on: connection)
                return worker
            }
            try await scene.scheduler.declareLost(worker, because: "signal 11")
        }
        #expect(try await scene.state(of: Key([1]))?.state == .held)
        #expect(scene.rescues.value.withLock { $0.map(\.held.count) } == [0, 0, 1])
        let listed = try await scene.database.read {
            try JobStore().list("held", source: nil, after: 0, limit: 9, on: $0)
        }
        #expect(listed.map(\.reason) == ["crashed_worker"])
        #expect(listed[0].error?.contains("signal 11") == true)
    }

    @Test(arguments: Dialect.allCases) func `a worker is declared lost once, by however many servers`(
        on dialect: Dialect
    ) async throws {
        let scene = try await Scene(dialect)
        let (worker, jobs) = try await claimed(scene, keys: 1)
        try await scene.write { try WorkerStore().enterModel([jobs[0].fence], of: worker, on: $0) }
        for _ in 0..<3 { try await scene.scheduler.declareLost(worker, because: "signal 9") }
        let other = QueueScheduler(database: scene.database, logger: .quiet) { _, _ in Issue.record("rescued twice") }
        try await other.declareLost(worker, because: "signal 9")
        #expect(try await scene.state(of: jobs[0].key)?.crashes == 1)
        #expect(scene.rescues.value.withLock { $0.count } == 1)
    }

    @Test(arguments: Dialect.allCases) func `a worker that beats keeps its jobs, whatever the wall clock does`(
        on dialect: Dialect
    ) async throws {
        let scene = try await Scene(dialect)
        let (worker, jobs) = try await claimed(scene, keys: 1)
        for second in 0..<30 {
            try await scene.tick(Double(second), wall: .seconds(second.isMultiple(of: 2) ? 900_000 : -900_000))
            let isAlive = try await scene.write { try WorkerStore().beat(worker, now: scene.wall, on: $0) }
            #expect(isAlive)
        }
        #expect(try await scene.state(of: jobs[0].key)?.state == .running(fence: jobs[0].fence))
    }

    @Test(arguments: Dialect.allCases) func `a server that was suspended takes nobody's work`(on dialect: Dialect)
        async throws
    {
        let scene = try await Scene(dialect)
        let (_, jobs) = try await claimed(scene, keys: 1)
        for hour in 0..<4 { try await scene.tick(Double(hour) * 3600) }
        #expect(try await scene.state(of: jobs[0].key)?.state == .running(fence: jobs[0].fence))
    }

    /// PostgreSQL has no such lock.
    @Test func `a user who holds the write lock for long makes no worker lost`() async throws {
        let scene = try await Scene(.sqlite)
        let (worker, jobs) = try await claimed(scene, keys: 1)
        let user = try Shell(scene.place.address)
        for round in 0..<8 {
            try user.tell("BEGIN IMMEDIATE")
            async let looked: Void = scene.tick(Double(round) * 9)
            async let beaten = scene.write { try WorkerStore().beat(worker, now: scene.wall, on: $0) }
            try user.tell("COMMIT")
            try await looked
            #expect(try await beaten)
        }
        try user.end()
        #expect(scene.rescues.value.withLock { $0.isEmpty })
        #expect(try await scene.state(of: jobs[0].key)?.state == .running(fence: jobs[0].fence))
    }

    @Test(arguments: Dialect.allCases) func `a failed job becomes available when its moment has come`(
        on dialect: Dialect
    ) async throws {
        let scene = try await Scene(dialect)
        let (_, jobs) = try await claimed(scene, keys: 1)
        let failure = JobFailure(reason: "busy", error: "the model is busy", isRetryable: true)
        let settlement = try await scene.write {
            try JobStore().fail(jobs[0], failure, inputHash: nil, now: scene.wall, jitter: 0, on: $0)
        }
        #expect(settlement == .retrying(at: scene.wall + .seconds(1)))
        try await scene.tick(0.5)
        #expect(try await scene.state(of: jobs[0].key)?.state == .scheduled(at: scene.wall + .seconds(1)))
        try await scene.tick(1)
        #expect(try await scene.state(of: jobs[0].key)?.state == .available)
        #expect(try await scene.state(of: jobs[0].key)?.attempt == 1)
    }

    @Test(arguments: Dialect.allCases) func `promotion goes on where one step was not enough`(on dialect: Dialect)
        async throws
    {
        let scene = try await Scene(dialect)
        let (_, jobs) = try await claimed(scene, keys: 150)
        let failure = JobFailure(reason: "busy", error: "busy", isRetryable: true)
        try await scene.write { connection in
            for job in jobs {
                _ = try JobStore().fail(job, failure, inputHash: nil, now: scene.wall, jitter: 0, on: connection)
            }
        }
        try await scene.tick(5)
        #expect(try await scene.database.read { try JobStore().counts(on: $0)["available"] } == 150)
        guard dialect == .postgres else { return }
        // A row says which transaction wrote it.
        let steps = try await scene.database.read { connection in
            try connection.rows(
                SQL(postgres: "SELECT count(*) FROM \(Table.job) GROUP BY xmin::text ORDER BY min(id)")
            ).map { $0.integer(0) }
        }
        #expect(steps == [64, 64, 22])
    }

    @Test(arguments: Dialect.allCases) func `a job claimed under an ended incarnation is freed and counts nothing`(
        on dialect: Dialect
    ) async throws {
        let scene = try await Scene(dialect)
        let (late, left) = try await scene.write { connection in
            (try connection.worker(), try connection.worker())
        }
        try await scene.scheduler.declareLost(late, because: "its beat stood still")
        // It does not know yet, claims and goes on.
        let (_, jobs) = try await claimed(scene, keys: 2, by: late)
        try await scene.write { connection in
            try WorkerStore().enterModel([jobs[0].fence], of: late, on: connection)
            try connection.want(Key(["left"]))
            _ = try JobStore().claim(.none, limit: 1, worker: left, on: connection)
            _ = try WorkerStore().end(left, as: .stopped, on: connection)
        }
        try await scene.tick(0)
        for key in jobs.map(\.key) + [Key(["left"])] {
            let machine = try await scene.state(of: key)
            #expect(machine?.state == .available)
            #expect(machine?.crashes == 0)
        }
        #expect(scene.rescues.value.withLock { $0.map(\.freed.count) } == [0, 3])
        try await scene.tick(0.5)
        #expect(scene.rescues.value.withLock { $0.count } == 2)
    }

    @Test(arguments: Dialect.allCases) func `a rescue whose rows cannot be put right is undone and done again`(
        on dialect: Dialect
    ) async throws {
        struct Refused: Error {}
        let refusals = Countdown(2)
        let scene = try await Scene(dialect) { _ in if refusals.takeOne() { throw Refused() } }
        let (worker, jobs) = try await claimed(scene, keys: 1)
        for _ in 0..<2 {
            await #expect(throws: Refused.self) { try await scene.scheduler.declareLost(worker, because: "signal 9") }
            #expect(try await scene.state(of: jobs[0].key)?.state == .running(fence: jobs[0].fence))
        }
        try await scene.scheduler.declareLost(worker, because: "signal 9")
        #expect(try await scene.state(of: jobs[0].key)?.state == .available)
    }

    @Test(arguments: Dialect.allCases) func `pruning keeps up with a busy feed and forgets ended workers`(
        on dialect: Dialect
    ) async throws {
        var settings = QueueScheduler.Settings()
        settings.stepRows = 10
        settings.workerRetention = .seconds(60)
        let scene = try await Scene(dialect, settings)
        try await scene.write { connection in
            try connection.feed(Array(1...35))
            _ = try WorkerStore().end(try connection.worker(), as: .stopped, on: connection)
        }
        var floors: [Int64] = []
        for round in 0..<5 {
            try await scene.tick(Double(round) / 2)
            floors.append(try await scene.database.read { try FeedStore().floor(on: $0) })
        }
        #expect(floors == [10, 20, 30, 35, 35])
        let workers = try await scene.database.read { connection in try connection.count(Table.worker) }
        #expect(workers == 0)
    }

    @Test(arguments: Dialect.allCases) func `a parent finds the incarnations of its child, the ended ones left out`(
        on dialect: Dialect
    ) async throws {
        let scene = try await Scene(dialect)
        let workers = try await scene.write { connection in try (0..<2).map { _ in try connection.worker() } }
        try await scene.scheduler.declareLost(workers[0], because: "signal 9")
        #expect(try await scene.scheduler.incarnations(host: "host", pid: 7) == [workers[1]])
        #expect(try await scene.scheduler.incarnations(host: "host", pid: 8) == [])
        #expect(try await scene.scheduler.incarnations(host: "other", pid: 7) == [])
    }
}

/// What a closure and a test share.
final class Rescues: Sendable {
    let value = Mutex<[JobStore.Rescue]>([])
}

/// Says yes a number of times.
final class Countdown: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    func takeOne() -> Bool {
        left.withLock { left in
            left -= 1
            return left >= 0
        }
    }
}
