import Core

/// Claims and settles jobs whose work is nothing, or a wait.
struct Drain: Sendable {
    let database: any Database
    let batch: Int
    /// How long each batch's work is, simulated.
    let wait: Duration
    /// When to end; nil to go on until nothing is left.
    let seconds: Int?
    private let jobs = JobStore()

    init(database: any Database, batch: Int, wait: Duration, seconds: Int?) {
        self.database = database
        self.batch = batch
        self.wait = wait
        self.seconds = seconds
    }

    struct Counts: Sendable {
        var jobs = 0
        var batches = 0
        var seconds = 0.0

        var json: String {
            #"{"jobs": \#(jobs), "batches": \#(batches), "seconds": \#(seconds)}"#
        }
    }

    /// Runs `lanes` loops side by side, each claiming, waiting and settling one batch after another.
    func run(lanes: Int) async throws -> Counts {
        let clock = ContinuousClock()
        let start = clock.now
        let end = seconds.map { start + .seconds($0) }
        var counts = Counts()
        try await withThrowingTaskGroup(of: Counts.self) { group in
            for lane in 0..<lanes {
                group.addTask { try await self.loop(worker: WorkerID(Int64(lane + 1)), until: end) }
            }
            for try await lane in group {
                counts.jobs += lane.jobs
                counts.batches += lane.batches
            }
        }
        counts.seconds = (clock.now - start).inSeconds
        return counts
    }

    private func loop(worker: WorkerID, until end: ContinuousClock.Instant?) async throws -> Counts {
        var counts = Counts()
        let (batch, jobs) = (batch, jobs)
        while end.map({ ContinuousClock.now < $0 }) ?? true {
            let claimed = try await database.write { connection in
                try jobs.claim(.none, limit: batch, worker: worker, on: connection)
            }
            if claimed.isEmpty { break }
            if wait > .zero { try await Task.sleep(for: wait) }
            try await database.write { try jobs.finish(claimed, on: $0) }
            counts.jobs += claimed.count
            counts.batches += 1
        }
        return counts
    }
}

extension Duration {
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
