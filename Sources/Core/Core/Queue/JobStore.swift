/// The queue's table, as functions on a connection: features compose them with their own writes in one transaction.
///
/// The rules are ``JobMachine``'s. Want (in the triggers), claim and finish are frequent and written as SQL;
/// failures and losses are rare and decided by the machine itself.
package struct JobStore: Sendable {
    package let policy: RetryPolicy

    package init(policy: RetryPolicy = RetryPolicy()) {
        self.policy = policy
    }

    // MARK: Fail

    /// Records that a job's work failed: it is tried again later, or moved to the dead with its whole error.
    ///
    /// - Parameters:
    ///   - inputHash: what failed, so that a later change of the row is recognised even if no trigger saw it.
    ///   - jitter: a random number in 0..<1.
    package func fail(
        _ job: Job, _ failure: JobFailure, inputHash: [UInt8]?, now: Timestamp, jitter: Double,
        on connection: any Connection
    ) throws(DatabaseError) -> JobMachine.Settlement {
        guard var machine = try machine(of: job.id, on: connection) else { return .ignored }
        let settlement = machine.settle(
            .failed(isRetryable: failure.isRetryable), fence: job.fence, now: now, policy: policy, jitter: jitter)
        switch settlement {
        case .ignored:
            return .ignored
        case .dead:
            try bury(job, machine.attempt, failure, inputHash: inputHash, now: now, on: connection)
        case .done, .requeued, .retrying:
            try store([Decision(job: job.id, machine: machine, error: failure.error)], on: connection)
        }
        return settlement
    }

    private func bury(
        _ job: Job, _ attempt: Int, _ failure: JobFailure, inputHash: [UInt8]?, now: Timestamp,
        on connection: any Connection
    ) throws(DatabaseError) {
        try connection.run(
            .both(
                """
                INSERT INTO \(Table.deadJob)(source_id, key, attempt, reason, error, input_hash, died_at)
                VALUES (:source, :key, :attempt, :reason, :error, :hash, :now)
                ON CONFLICT (source_id, key) DO UPDATE SET
                    attempt = excluded.attempt, reason = excluded.reason, error = excluded.error,
                    input_hash = excluded.input_hash, died_at = excluded.died_at
                """),
            [
                "source": Value(job.source), "key": .text(job.key.literal), "attempt": Value(attempt),
                "reason": .text(failure.reason), "error": .text(failure.error),
                "hash": inputHash.map(Value.blob) ?? .null, "now": Value(now),
            ])
        try connection.run(.both("DELETE FROM \(Table.job) WHERE id = :id"), ["id": Value(job.id)])
    }

    // MARK: The machine's rows

    /// The job as the machine sees it, or nil where it does not exist.
    package func machine(of job: ID<Job>, on connection: any Connection) throws(DatabaseError) -> JobMachine? {
        try connection.row(
            .both(
                """
                SELECT state, wanted_rev, claimed_rev, attempt, crashes, alone_crashes, fence, run_at
                FROM \(Table.job) WHERE id = :id
                """), ["id": Value(job)]
        ).map(Self.machine)
    }

    static func machine(_ row: Row) -> JobMachine {
        let state: JobMachine.State =
            switch row.text(0) {
            case "scheduled": .scheduled(at: Timestamp(microseconds: row[7].integer ?? 0))
            case "available": .available
            case "running": .running(fence: row[6].integer ?? 0)
            case "held": .held
            case let other: preconditionFailure("the schema allows no job state \(other)")
            }
        var machine = JobMachine(state: state)
        machine.wantedRevision = row.integer(1)
        machine.claimedRevision = row[2].integer
        machine.attempt = Int(row.integer(3))
        machine.crashes = Int(row.integer(4))
        machine.aloneCrashes = Int(row.integer(5))
        return machine
    }

    /// What the machine decided of a job.
    struct Decision {
        let job: ID<Job>
        let machine: JobMachine
        /// What happened, or nil to leave what was written of it before.
        let error: String?

        /// - Precondition: the machine is in a state that the table holds.
        fileprivate var values: (state: String, runAt: Timestamp?) {
            switch machine.state {
            case .scheduled(let moment): ("scheduled", moment)
            case .available: ("available", nil)
            case .held: ("held", nil)
            case .running, .dead, .done: preconditionFailure("\(machine.state) is not stored this way")
            }
        }

        fileprivate var parameters: Parameters {
            let (state, runAt) = values
            return [
                "state": .text(state), "attempt": Value(machine.attempt), "crashes": Value(machine.crashes),
                "alone": Value(machine.aloneCrashes), "run_at": runAt.map { Value($0) } ?? .null,
                "error": Value(error), "id": Value(job),
            ]
        }
    }

    /// Writes what the machine decided of many jobs: in one statement where each would be a round trip, since users may
    /// wait for the jobs.
    func store(_ decisions: [Decision], on connection: any Connection) throws(DatabaseError) {
        guard connection.dialect == .postgres, decisions.count > 1 else {
            try connection.runMany(Self.storeSQL, decisions.map(\.parameters))
            return
        }
        try connection.run(
            Self.storeManySQL,
            [
                "ids": .array(decisions.map(\.job.rawValue)),
                "states": TextArray(decisions.map(\.values.state)).value,
                "attempts": .array(decisions.map { Int64($0.machine.attempt) }),
                "crashes": .array(decisions.map { Int64($0.machine.crashes) }),
                "alone": .array(decisions.map { Int64($0.machine.aloneCrashes) }),
                "run_ats": TextArray(decisions.map { $0.values.runAt.map { String($0.microseconds) } }).value,
                "errors": TextArray(decisions.map(\.error)).value,
            ])
    }

    private static let storeSQL = SQL.both(
        """
        UPDATE \(Table.job) SET
            state = :state, attempt = :attempt, crashes = :crashes, alone_crashes = :alone,
            run_at = :run_at, worker_id = NULL, error = COALESCE(:error, error)
        WHERE id = :id
        """)

    private static let storeManySQL = SQL(
        postgres: """
            UPDATE \(Table.job) AS job SET
                state = decided.state, attempt = decided.attempt, crashes = decided.crashes,
                alone_crashes = decided.alone, run_at = decided.run_at, worker_id = NULL,
                error = COALESCE(decided.error, job.error)
            FROM unnest(
                :ids::bigint[], :states::text[], :attempts::bigint[], :crashes::bigint[], :alone::bigint[],
                :run_ats::bigint[], :errors::text[]
            ) AS decided(id, state, attempt, crashes, alone, run_at, error)
            WHERE job.id = decided.id
            """)
}
