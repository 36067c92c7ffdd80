/// The state of the whole at one moment: `GET /api/status` and the `status` event.
///
/// JSON has the same names in snake case.
package struct Status: Encodable, Sendable, Equatable {
    package var version: String
    package var database: DatabaseStatus
    package var jobs: JobCounts
    package var rate: Rate
    package var workers: [WorkerStatus]
    package var sources: [SourceStatus]
    package var index: [IndexStatus]
    /// Dead and held jobs by collection and reason, largest group first.
    package var failures: [FailureGroup]

    package init(
        version: String, database: DatabaseStatus = DatabaseStatus(kind: "sqlite"), jobs: JobCounts, rate: Rate,
        workers: [WorkerStatus] = [], sources: [SourceStatus] = [],
        index: [IndexStatus] = [], failures: [FailureGroup] = []
    ) {
        self.version = version
        self.database = database
        self.jobs = jobs
        self.rate = rate
        self.workers = workers
        self.sources = sources
        self.index = index
        self.failures = failures
    }
}

/// The database and what may hold it up.
package struct DatabaseStatus: Encodable, Sendable, Equatable {
    /// The transaction that has been open for longest, of whatever program: it keeps old rows from being cleaned away.
    package struct OldestTransaction: Encodable, Sendable, Equatable {
        /// Of the server's process, for `pg_terminate_backend`.
        package var pid: Int
        package var seconds: Double
        /// What the program calls itself; empty where it says nothing.
        package var application: String

        package init(pid: Int, seconds: Double, application: String) {
            self.pid = pid
            self.seconds = seconds
            self.application = application
        }
    }

    /// `sqlite` or `postgres`.
    package var kind: String
    /// PostgreSQL alone, where one is open.
    package var oldestTransaction: OldestTransaction?

    package init(kind: String, oldestTransaction: OldestTransaction? = nil) {
        self.kind = kind
        self.oldestTransaction = oldestTransaction
    }
}

/// How many jobs are in each state. Finished jobs are gone and are counted by ``SourceStatus``.
package struct JobCounts: Encodable, Sendable, Equatable {
    package var available: Int
    package var running: Int
    package var scheduled: Int
    package var held: Int
    package var dead: Int

    package init(available: Int = 0, running: Int = 0, scheduled: Int = 0, held: Int = 0, dead: Int = 0) {
        self.available = available
        self.running = running
        self.scheduled = scheduled
        self.held = held
        self.dead = dead
    }
}

/// How fast jobs are finished.
package struct Rate: Encodable, Sendable, Equatable {
    /// Jobs per second, over the last few seconds.
    package var perSecond: Double
    /// Jobs per second, a mean for each of the last 60 minutes, oldest first; fewer than 60 soon after a start.
    package var history: [Double]

    package init(perSecond: Double = 0, history: [Double] = []) {
        self.perSecond = perSecond
        self.history = history
    }
}

/// One worker process, alive or lately gone.
package struct WorkerStatus: Encodable, Sendable, Equatable {
    package enum State: String, Encodable, Sendable {
        /// Waiting for jobs.
        case idle
        case running
        /// Loading its model.
        case starting
        /// Finishing what it has, claiming nothing.
        case draining
        /// Not heard from for longer than its lease.
        case lost
    }

    package var id: Int64
    package var name: String
    package var host: String
    package var pid: Int
    /// Of the program; empty where a worker before 0.1 does not say.
    package var version: String
    package var state: State
    /// `cpu`, `cuda`, …; what the runtime calls it.
    package var device: String
    package var model: String
    /// ISO 8601 with a zone, such as `2026-11-21T09:30:00Z`.
    package var startedAt: String
    package var seenSecondsAgo: Double
    package var succeeded: Int
    package var failed: Int
    package var skipped: Int
    /// Texts longer than the model reads, embedded by their beginning.
    package var truncated: Int
    /// Rows settled in a second of late.
    package var ratePerSecond: Double

    package init(
        id: Int64, name: String, host: String, pid: Int, version: String = "", state: State, device: String,
        model: String, startedAt: String, seenSecondsAgo: Double, succeeded: Int = 0, failed: Int = 0,
        skipped: Int = 0, truncated: Int = 0, ratePerSecond: Double = 0
    ) {
        self.version = version
        self.ratePerSecond = ratePerSecond
        self.id = id
        self.name = name
        self.host = host
        self.pid = pid
        self.state = state
        self.device = device
        self.model = model
        self.startedAt = startedAt
        self.seenSecondsAgo = seenSecondsAgo
        self.succeeded = succeeded
        self.failed = failed
        self.skipped = skipped
        self.truncated = truncated
    }
}

/// What the live index holds of one collection.
package struct IndexStatus: Encodable, Sendable, Equatable {
    package var collection: String
    package var vectors: Int
    package var bytes: Int
    /// The feed position that the index has reached.
    package var position: Int64

    package init(collection: String, vectors: Int, bytes: Int, position: Int64) {
        self.collection = collection
        self.vectors = vectors
        self.bytes = bytes
        self.position = position
    }
}

/// Jobs of one collection that failed for one reason.
package struct FailureGroup: Encodable, Sendable, Equatable {
    /// One job of the group.
    package struct Example: Encodable, Sendable, Equatable {
        package var key: String
        package var error: String

        package init(key: String, error: String) {
            self.key = key
            self.error = error
        }
    }

    package var collection: String
    /// A stable word, such as `invalid_utf8`.
    package var reason: String
    package var count: Int
    package var example: Example
    /// What to do about it.
    package var hint: String

    package init(collection: String, reason: String, count: Int, example: Example, hint: String) {
        self.collection = collection
        self.reason = reason
        self.count = count
        self.example = example
        self.hint = hint
    }
}
