import Core

/// How long a claim takes while the number of jobs that wait stays the same.
struct ClaimTimes: Sendable {
    let database: any Database
    let batch: Int
    private let jobs = JobStore()

    init(database: any Database, batch: Int) {
        self.database = database
        self.batch = batch
    }

    /// After each claim, which alone is timed, the batch is settled and as many jobs are added.
    ///
    /// - Returns: the milliseconds of each, as a JSON object.
    func measure(samples: Int) async throws -> String {
        let clock = ContinuousClock()
        var times: [Double] = []
        let (batch, jobs) = (batch, jobs)
        for _ in 0..<samples {
            let start = clock.now
            let claimed = try await database.write { connection in
                try jobs.claim(.none, limit: batch, worker: WorkerID(1), on: connection)
            }
            times.append((clock.now - start).inSeconds * 1000)
            guard claimed.count == batch else {
                throw Failure(message: "a claim of \(batch) got \(claimed.count): fill the queue with more")
            }
            try await database.write { connection in
                try jobs.finish(claimed, on: connection)
                try QueueFiller.add(batch, state: "available", on: connection)
            }
        }
        return #"{"milliseconds": \#(times)}"#
    }
}
