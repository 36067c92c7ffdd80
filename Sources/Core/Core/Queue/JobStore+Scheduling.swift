extension JobStore {
    /// What a rescue did.
    package struct Rescue: Sendable {
        /// Jobs that any worker may claim again.
        package var freed: [Job] = []
        /// Jobs that wait for a person now.
        package var held: [Job] = []
        /// Whether the worker had one job alone in its model, as found by the rescue's first step.
        package fileprivate(set) var wasAlone: Bool?

        package var count: Int { freed.count + held.count }

        package static func += (rescue: inout Rescue, step: Rescue) {
            rescue.freed += step.freed
            rescue.held += step.held
            rescue.wasAlone = rescue.wasAlone ?? step.wasAlone
        }
    }

    /// Takes from a worker that is gone what it holds, at most `limit` jobs. Idempotent: what was settled meanwhile is not
    /// touched.
    ///
    /// Only the jobs that were inside the model count a crash; the prefetched ones return as they were. Whether one was
    /// alone there is known to the first step; who goes on after a rescuer that died between two may take the last of several
    /// for alone, of which it takes ``RetryPolicy/aloneCrashesBeforeHeld`` to do harm.
    ///
    /// - Parameter earlier: what the steps before this one did.
    package func rescue(
        _ worker: WorkerID, error: String, limit: Int = .max, after earlier: Rescue = Rescue(),
        on connection: any Connection
    ) throws(DatabaseError) -> Rescue {
        let fences = try WorkerStore().fencesInModel(of: worker, on: connection)
        let wasAlone: Bool
        if let known = earlier.wasAlone {
            wasAlone = known
        } else {
            wasAlone =
                try connection.rows(Self.heldFencesSQL, ["worker": Value(worker)]).count {
                    fences.contains($0.integer(0))
                } == 1
        }
        var rescue = Rescue(wasAlone: wasAlone)
        var decisions: [Decision] = []
        for row in try connection.rows(Self.heldSQL, ["worker": Value(worker), "limit": Value(limit)]) {
            var machine = Self.machine(row)
            let fence = row.integer(6)
            let isInModel = fences.contains(fence)
            machine.lose(fence: fence, isInModel: isInModel, isAlone: wasAlone, policy: policy)
            decisions.append(Decision(job: row.id(8), machine: machine, error: isInModel ? error : nil))
            let job = Job(
                id: row.id(8), source: row.id(9), key: Key(literal: row.text(10)), worker: worker, fence: fence,
                attempt: machine.attempt, crashes: machine.crashes)
            if machine.state == .held { rescue.held.append(job) } else { rescue.freed.append(job) }
        }
        try store(decisions, on: connection)
        return rescue
    }

    private static let heldFencesSQL = SQL.both(
        "SELECT fence FROM \(Table.job) WHERE worker_id = :worker AND state = 'running'")

    /// A job that a user's transaction is writing just now is not waited for: ``freeOrphans(limit:on:)`` frees it later.
    private static let heldSQL = SQL(sqlite: held(skipping: ""), postgres: held(skipping: skipLocked))

    private static func held(skipping lock: String) -> SQLText {
        """
        SELECT state, wanted_rev, claimed_rev, attempt, crashes, alone_crashes, fence, run_at, id, source_id, key
        FROM \(Table.job) WHERE worker_id = :worker AND state = 'running' ORDER BY id LIMIT :limit \(lock)
        """
    }

    private static let skipLocked = "FOR NO KEY UPDATE SKIP LOCKED"

    /// Frees the jobs whose worker has ended and yet holds them: it claimed before it knew that it had been declared
    /// lost, or said goodbye before it could hand them back. Nobody saw a process die, so nothing is counted.
    package func freeOrphans(limit: Int = .max, on connection: any Connection) throws(DatabaseError) -> Rescue {
        let rows = try connection.rows(Self.orphansSQL, ["limit": Value(limit)])
        return Rescue(
            freed: rows.map { row in
                Job(
                    id: row.id(0), source: row.id(1), key: Key(literal: row.text(2)), worker: nil,
                    fence: row.integer(3),
                    attempt: Int(row.integer(4)), crashes: Int(row.integer(5)))
            })
    }

    private static let orphansSQL = SQL(sqlite: orphans(skipping: ""), postgres: orphans(skipping: skipLocked))

    private static func orphans(skipping lock: String) -> SQLText {
        """
        UPDATE \(Table.job) SET state = 'available', worker_id = NULL
        WHERE id IN (
            SELECT id FROM \(Table.job)
            WHERE state = 'running' AND worker_id NOT IN (
                SELECT id FROM \(Table.worker) WHERE state IN ('starting', 'ready', 'draining'))
            LIMIT :limit \(lock))
        RETURNING id, source_id, key, fence, attempt, crashes
        """
    }

    /// Makes scheduled jobs available whose moment has come, at most `limit` of them.
    package func promote(now: Timestamp, limit: Int, on connection: any Connection) throws(DatabaseError) -> Int {
        try connection.run(Self.promoteSQL, ["now": Value(now), "limit": Value(limit)])
    }

    private static let promoteSQL = SQL(sqlite: promote(skipping: ""), postgres: promote(skipping: skipLocked))

    private static func promote(skipping lock: String) -> SQLText {
        """
        UPDATE \(Table.job) SET state = 'available', run_at = NULL
        WHERE id IN (
            SELECT id FROM \(Table.job) WHERE state = 'scheduled' AND run_at <= :now
            ORDER BY run_at LIMIT :limit \(lock))
        """
    }

    /// The moment at which the next scheduled job becomes due, or nil.
    package func nextDue(on connection: any Connection) throws(DatabaseError) -> Timestamp? {
        try connection.row(.both("SELECT MIN(run_at) FROM \(Table.job) WHERE state = 'scheduled'"))?[0].integer
            .map(Timestamp.init(microseconds:))
    }

    /// Live jobs and dead ones, counted by the state's name. All five are present, zeros included.
    package func counts(on connection: any Connection) throws(DatabaseError) -> [String: Int] {
        var counts = ["available": 0, "running": 0, "scheduled": 0, "held": 0, "dead": 0]
        for row in try connection.rows(.both("SELECT state, COUNT(*) FROM \(Table.job) GROUP BY state")) {
            counts[row.text(0)] = Int(row.integer(1))
        }
        let dead = try connection.row(.both("SELECT COUNT(*) FROM \(Table.deadJob)"))
        counts["dead"] = Int(dead?.integer(0) ?? 0)
        return counts
    }
}
