package import Logging

/// The server's round over the queue: rescue what lost workers held, promote what is due, prune what nobody needs.
///
/// Of several servers one does it, chosen through the database (``Leadership``); the others watch the workers' beats too, so
/// that one who takes over need not begin to watch. Every step is idempotent, so that two servers doing it at once would
/// waste work and harm nothing.
package actor QueueScheduler {
    package struct Settings: Sendable {
        /// How long a worker's beat may stay the same, as seen from here.
        package var lease = Duration.seconds(4)
        /// The most that one look counts, however long ago the one before it was.
        package var longestStep = Duration.seconds(1)
        /// Ended workers are kept this long for people to see.
        package var workerRetention = Duration.seconds(24 * 3600)
        /// A follower not seen for this long holds the feed's pruning up no more.
        package var followerRetention = Duration.seconds(3600)
        /// Feed entries kept at most.
        package var feedRows: Int64 = 1_000_000
        /// Feed entries older than this are not kept, however slow a follower is.
        package var feedAge = Duration.seconds(7 * 24 * 3600)
        /// Rows pruned at most by one step.
        package var stepRows = 2000

        package init() {}
    }

    private let database: any Database
    private let jobs: JobStore
    private let settings: Settings
    private let logger: Logger
    private let rescuer: Rescuer
    private var observer: StalenessObserver<WorkerID>
    private var leadership: Leadership
    private var nextPrune: ContinuousClock.Instant?

    /// - Parameter holder: this server, by a name that no other process ever has.
    package init(
        database: any Database, jobs: JobStore = JobStore(), settings: Settings = Settings(),
        holder: String = String(UInt64.random(in: 0...UInt64.max), radix: 16), logger: Logger,
        afterRescue: @escaping @Sendable (any Connection, JobStore.Rescue) throws -> Void
    ) {
        self.database = database
        self.jobs = jobs
        self.settings = settings
        self.logger = logger
        rescuer = Rescuer(database: database, jobs: jobs, logger: logger, afterRescue: afterRescue)
        observer = StalenessObserver(lease: settings.lease, longestStep: settings.longestStep)
        leadership = Leadership(holder: holder, lease: settings.lease, longestStep: settings.longestStep)
    }

    /// Whether this server does the queue's upkeep now.
    package var isLeader: Bool { leadership.term != nil }

    /// One round; call it twice a second.
    package func tick(now: ContinuousClock.Instant, wall: Timestamp) async throws {
        var leadership = leadership
        try await leadership.look(on: database, now: now)
        self.leadership = leadership
        let round = try await round(wall: wall)
        if round.orphans > 0 {
            logger.warning("jobs of workers that had ended were freed", metadata: ["freed": "\(round.orphans)"])
        }
        let stale = observer.look(at: round.beats, now: now)
        guard let term = leadership.term else { return }
        for worker in stale {
            try await rescuer.declareLost(worker, because: "its beat stood still for \(settings.lease)") { connection in
                try Leadership.stands(term, on: connection)
            }
        }
        if nextPrune.map({ $0 <= now }) ?? true {
            nextPrune = now + .seconds(10)
            // A full step left something over: go on with the next round, or a busy feed outgrows its pruning.
            if try await prune(wall: wall, in: term) >= settings.stepRows { nextPrune = now }
        }
    }

    /// Says goodbye, so that another server takes over at once.
    package func resign() async throws {
        var leadership = leadership
        try await leadership.resign(on: database)
        self.leadership = leadership
    }

    /// What is due, and who has beaten; in steps, since a user's edit of a job waits for the whole of a transaction that
    /// changes it. What is left after ``longestRound`` waits for the next round.
    private func round(wall: Timestamp) async throws -> (beats: [WorkerID: Int64], orphans: Int) {
        let end = ContinuousClock.now + Self.longestRound
        var orphans = 0
        while true {
            let began = ContinuousClock.now
            let step = try await step(wall: wall)
            orphans += step.orphans
            guard step.isFull, ContinuousClock.now < end else { return (step.beats, orphans) }
            await UsersLocks.rest(since: began)
        }
    }

    /// Beats are to be looked at twice a second.
    private static let longestRound = Duration.milliseconds(250)

    private struct Step: Sendable {
        let beats: [WorkerID: Int64]
        var orphans = 0
        /// Whether it left something over.
        var isFull = false
    }

    /// A write transaction: while a user holds SQLite's write lock no worker can beat, and none is looked at either.
    private func step(wall: Timestamp) async throws -> Step {
        let (jobs, afterRescue, term) = (jobs, rescuer.afterRescue, leadership.term)
        let limit = UsersLocks.jobsPerStep
        return try await database.writeBriefly { connection in
            var step = Step(beats: try WorkerStore().beats(on: connection))
            guard let term, try Leadership.stands(term, on: connection) else { return step }
            if let due = try jobs.nextDue(on: connection), due <= wall {
                let promoted = try jobs.promote(now: wall, limit: limit, on: connection)
                if promoted > 0 { connection.notify() }
                step.isFull = promoted == limit
            }
            let orphans = try jobs.freeOrphans(limit: limit, on: connection)
            if !orphans.freed.isEmpty {
                try afterRescue(connection, orphans)
                connection.notify()
            }
            step.orphans = orphans.count
            step.isFull = step.isFull || step.orphans == limit
            return step
        }
    }

    /// See ``Rescuer/declareLost(_:because:)``.
    package func declareLost(_ worker: WorkerID, because reason: String) async throws {
        try await rescuer.declareLost(worker, because: reason)
    }

    /// The living incarnations of a process on this host, for a parent that saw it die.
    package func incarnations(host: String, pid: Int32) async throws -> [WorkerID] {
        try await database.read { connection in
            try connection.rows(
                .both(
                    """
                    SELECT id FROM \(Table.worker)
                    WHERE host = :host AND pid = :pid AND state IN ('starting', 'ready', 'draining')
                    """), ["host": .text(host), "pid": Value(pid)]
            ).map { $0.id(0) }
        }
    }

    /// - Returns: the number of feed entries removed.
    private func prune(wall: Timestamp, in term: Leadership.Term) async throws -> Int {
        let settings = settings
        return try await database.write { connection in
            guard try Leadership.stands(term, on: connection) else { return 0 }
            _ = try WorkerStore().prune(endedBefore: wall - settings.workerRetention, on: connection)
            return try FeedStore().prune(
                followersSeenSince: wall - settings.followerRetention, rows: settings.feedRows,
                newerThan: wall - settings.feedAge, limit: Int64(settings.stepRows), on: connection)
        }
    }
}
