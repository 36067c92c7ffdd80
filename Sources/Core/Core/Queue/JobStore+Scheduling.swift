extension JobStore {
    /// Takes everything away from a worker that is gone. Idempotent: what was settled meanwhile is not touched.
    ///
    /// Only the jobs that were inside the model count a crash; the prefetched ones return as they were.
    ///
    /// - Returns: the jobs that became available again, and those that are now held.
    package func rescue(
        _ worker: WorkerID, error: String, on connection: any Connection
    ) throws(DatabaseError) -> (freed: Int, held: [Key]) {
        let fences = try WorkerStore().fencesInModel(of: worker, on: connection)
        let rows = try connection.rows(
            .both(
                """
                SELECT state, wanted_rev, claimed_rev, attempt, crashes, alone_crashes, fence, run_at, id, key
                FROM \(Table.job) WHERE worker_id = :worker AND state = 'running'
                """), ["worker": Value(worker)])
        let companions = Dictionary(rows.map { ($0[6], 1) }, uniquingKeysWith: +)
        var freed = 0
        var held: [Key] = []
        for row in rows {
            var machine = Self.machine(row)
            let fence = row.integer(6)
            machine.lose(
                fence: fence, isInModel: fences.contains(fence), isAlone: companions[row[6]] == 1, policy: policy)
            try store(machine, error: fences.contains(fence) ? error : nil, of: row.id(8), on: connection)
            if machine.state == .held { held.append(Key(literal: row.text(9))) } else { freed += 1 }
        }
        return (freed, held)
    }

    /// Makes scheduled jobs available whose moment has come, at most `limit` of them.
    package func promote(now: Timestamp, limit: Int, on connection: any Connection) throws(DatabaseError) -> Int {
        try connection.run(
            .both(
                """
                UPDATE \(Table.job) SET state = 'available', run_at = NULL
                WHERE id IN (
                    SELECT id FROM \(Table.job) WHERE state = 'scheduled' AND run_at <= :now
                    ORDER BY run_at LIMIT :limit)
                """), ["now": Value(now), "limit": Value(limit)])
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
