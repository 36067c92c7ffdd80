package import Core
package import Embedding
package import Logging

/// Gives the embedder for a model's name, loading it on first use.
package protocol EmbedderProvider: Sendable {
    func embedder(for model: String) async throws(EmbeddingError) -> any Embedder
}

/// One worker process's work: claim, read, embed, settle, again, with the next batch claimed while the model runs.
///
/// It beats while it is well, hands back what is unfinished at a stop, and never settles under an incarnation that was
/// declared lost: the fences see to that.
package actor EmbeddingWorker {
    package struct Settings: Sendable {
        /// Rows per claim at most (`BATCH_SIZE`).
        package var batchSize = 512
        /// How long a batch may be inside the model: where it takes longer, claims are made smaller.
        package var batchTime = Duration.seconds(1.5)
        /// Batches inside the model at the same time, so that it never waits for a settlement.
        package var batchesInModel = 2
        /// The fallback where no change was noticed (`POLL_INTERVAL`).
        package var pollInterval = Duration.seconds(10)
        /// How often an idle worker looks whether anybody has committed.
        package var glance = Duration.milliseconds(5)
        package var beatInterval = Duration.seconds(1)
        /// How long another worker's beat may stay the same before this one frees what it held: longer than the server's
        /// lease, so that it only comes to it where no server lives.
        package var neighbourLease = Duration.seconds(6)
        /// A batch inside the model for longer than this means that the process is stuck.
        package var batchDeadline = Duration.seconds(120)
        /// Results kept at most because users' transactions have their rows; their jobs are put off beyond that.
        package var mostKept = 4096
        /// How long a stop waits for such rows.
        package var farewell = Duration.seconds(3)

        package init() {}
    }

    let queue: EmbeddingQueue
    let database: any Database
    let provider: any EmbedderProvider
    let settings: Settings
    let introduction: WorkerStore.Introduction
    let logger: Logger
    /// Ends the process with its own exit code: a model call that hangs cannot be cancelled.
    let onStuck: @Sendable () -> Void

    private let rescuer: Rescuer
    private var neighbours: StalenessObserver<WorkerID>
    private var pace = Pace()

    var id: WorkerID?
    var isDraining = false
    var inModel: [Int64: ContinuousClock.Instant] = [:]
    var totals = SettledCounts()
    var description: (device: String, model: String, endpoint: String?)?
    /// Whether the present incarnation's row says all of it.
    private var isAnnounced = false
    var sources: [SourceID: Source] = [:]
    var turn = 0
    var claimSize: ClaimSize
    /// Of ``Settings/batchesInModel``, how many are taken by claims that are embedded or settled for the first time.
    private var placesTaken = 0
    /// Who waits for one of them to be free.
    private var waiting: [CheckedContinuation<Void, Never>] = []
    /// What ended the work of a batch for good.
    private var failure: (any Error)?
    /// Nothing more is taken into hand, and nothing waited for at length.
    var isEnding: Bool { isDraining || failure != nil }
    /// Results that wait for a user's transaction to end.
    var keptResults = 0

    package init(
        database: any Database, queue: EmbeddingQueue, provider: any EmbedderProvider,
        introduction: WorkerStore.Introduction, settings: Settings = Settings(), logger: Logger,
        onStuck: @escaping @Sendable () -> Void
    ) {
        self.database = database
        self.queue = queue
        self.provider = provider
        self.introduction = introduction
        self.settings = settings
        claimSize = ClaimSize(most: settings.batchSize, time: settings.batchTime)
        self.logger = logger
        self.onStuck = onStuck
        rescuer = Rescuer(database: database, logger: logger) { connection, rescue in
            try EmbeddingQueue.showRescued(rescue, on: connection)
        }
        neighbours = StalenessObserver(lease: settings.neighbourLease, longestStep: settings.beatInterval * 1.5)
    }

    /// Enters the worker in the table of workers, still without a model.
    package func register() async throws {
        let introduction = introduction
        id = try await database.write { connection in
            try WorkerStore().register(introduction, now: .now(), on: connection)
        }
        isAnnounced = false
    }

    /// Says that the model is loaded and where queries are answered; with a later beat, where the database is away.
    package func ready(device: String, model: String, endpoint: String?) async throws {
        description = (device, model, endpoint)
        do {
            try await announce()
        } catch let error as DatabaseError where error.isRetryable {
            logger.warning("what this worker is could not be written yet", metadata: ["error": "\(error)"])
        }
    }

    private func announce() async throws {
        guard let id, let description, !isAnnounced else { return }
        try await database.write { connection in
            try WorkerStore().ready(
                id, device: description.device, model: description.model, endpoint: description.endpoint,
                on: connection)
        }
        // Unless it has begun a new incarnation meanwhile.
        if self.id == id { isAnnounced = true }
    }

    /// Stop claiming; ``work()`` returns when what is in hand is settled.
    package func drain() {
        isDraining = true
    }

    /// Beats until cancelled, and frees what workers held whose beat stands still. The beat is withheld from a worker whose batch is stuck, and the process ended.
    package func beat() async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: settings.beatInterval)
            let now = ContinuousClock.now
            if let oldest = inModel.values.min(), oldest.duration(to: now) > settings.batchDeadline {
                logger.critical(
                    "a batch has been inside the model past its deadline; this process ends itself",
                    metadata: ["deadline": "\(settings.batchDeadline)"])
                onStuck()
                return
            }
            try await beatOnce()
        }
    }

    /// - Parameter now: this process's monotonic clock.
    func beatOnce(now: ContinuousClock.Instant = .now) async throws {
        guard let id else { return }
        do {
            // One write transaction: while a user holds the write lock nobody can beat, and nobody is looked at.
            let rate = pace.rate(totals, at: now)
            let (isAlive, beats) = try await database.write { connection in
                (
                    try WorkerStore().beat(id, rate: rate, now: .now(), on: connection),
                    try WorkerStore().beats(on: connection)
                )
            }
            if !isAlive {
                logger.warning(
                    "this worker was declared lost; it begins a new incarnation", metadata: ["worker.id": "\(id)"])
                try await register()
            }
            try await announce()
            for neighbour in neighbours.look(at: beats, now: now) where neighbour != id {
                try await rescuer.declareLost(
                    neighbour, because: "its beat stood still for \(settings.neighbourLease)")
            }
        } catch let error as DatabaseError where error.isRetryable {
            logger.warning("a beat could not be written", metadata: ["error": "\(error)"])
        }
    }

    /// Works until ``drain()``; then what is in hand is settled, and the incarnation says goodbye.
    package func work() async throws {
        await withTaskGroup(of: Void.self) { group in
            while !isEnding {
                do {
                    let claim = try await claimWhenThereIsWork()
                    guard let claim else { continue }
                    await begin(claim, in: &group)
                } catch {
                    failure = failure ?? error
                }
            }
            await group.waitForAll()
        }
        if let failure { throw failure }
        if let id {
            _ = try await database.write { connection in
                try WorkerStore().end(id, as: .stopped, on: connection)
            }
        }
    }

    /// Takes a claim into hand as soon as there is room for it.
    private func begin(_ claim: Claim, in group: inout TaskGroup<Void>) async {
        // Suspects run with nothing beside them, so that a crash says which batch it was.
        let places = claim.isSuspected ? settings.batchesInModel : 1
        while placesTaken + places > settings.batchesInModel {
            await withCheckedContinuation { waiting.append($0) }
        }
        placesTaken += places
        group.addTask { await self.run(claim, in: places) }
    }

    /// A claim's batches to their end, one after another; rows that users' transactions have are settled when these have
    /// ended, while the next claims go on.
    private func run(_ claim: Claim, in places: Int) async {
        await withTaskGroup(of: Void.self) { settling in
            var batches = claim.batches[...]
            // Of an incarnation that was declared lost meanwhile the jobs are others' by now, or nobody's.
            while !isEnding, id == claim.worker, let batch = batches.popFirst() {
                await noting {
                    for results in try await self.embedAndSettle(batch) {
                        settling.addTask { await self.noting { try await self.settleKept(results) } }
                    }
                }
            }
            await noting { try await self.handBackWhenPossible(Array(batches.joined())) }
            placesTaken -= places
            for continuation in waiting { continuation.resume() }
            waiting = []
        }
    }

    /// Keeps the first failure for the end of the work.
    private func noting(_ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            failure = failure ?? error
        }
    }

    /// Claims, or waits a little for something to claim and returns nothing.
    private func claimWhenThereIsWork() async throws -> Claim? {
        guard let id else { return nil }
        do {
            let mark = try await database.changeMark()
            if try await queue.hasWork() {
                turn += 1
                let claim = try await queue.claim(limit: claimSize.rows, turn: turn, worker: id)
                // Others were quicker, or a user's open transaction has the jobs: asking at once again wins nothing.
                guard claim.isEmpty else { return claim }
            }
            try await waitForChange(since: mark)
        } catch let error as DatabaseError where error.isRetryable {
            logger.warning("the database could not be used; trying again", metadata: ["error": "\(error)"])
            try await Task.sleep(for: .milliseconds(200))
        }
        return nil
    }

    private func waitForChange(since mark: Int64) async throws {
        let jitter = Double.random(in: 0.9...1.1)
        let deadline = ContinuousClock.now + settings.pollInterval * jitter
        while !isDraining, ContinuousClock.now < deadline {
            try await Task.sleep(for: settings.glance)
            if try await database.changeMark() != mark { return }
        }
    }
}

/// How fast a worker settles rows: from its totals, over the last seconds.
private struct Pace {
    private var looks: [(moment: ContinuousClock.Instant, rows: Int)] = []

    /// Takes the totals at a moment. - Returns: rows per second.
    mutating func rate(_ totals: SettledCounts, at moment: ContinuousClock.Instant) -> Double {
        looks.append((moment, totals.succeeded + totals.failed + totals.skipped))
        looks.removeAll { $0.moment.duration(to: moment) > .seconds(6) }
        guard let first = looks.first, let last = looks.last, first.moment < last.moment else { return 0 }
        return Double(last.rows - first.rows) / first.moment.duration(to: last.moment).seconds
    }
}
