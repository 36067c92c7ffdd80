extension JobStore {
    /// Takes available jobs of one degree of suspicion for `worker`, oldest of the highest priority first, and of each
    /// model no more than its limit leaves.
    ///
    /// Read the inputs in a transaction of its own, after this one has committed.
    ///
    /// - Parameters:
    ///   - limit: the most jobs of one batch where nothing is suspected; see ``Suspicion/limit(batchSize:)``.
    ///   - batches: how many batches it takes at most, each with a fence of its own.
    ///   - turn: counts the claims of a process; where models are limited, each begins with another.
    ///   - newest: the largest fence that this worker has had. A crash of PostgreSQL may make it forget which it has drawn.
    package func claim(
        _ suspicion: Suspicion, limit: Int, batches: Int = 1, turn: Int = 0, worker: WorkerID, after newest: Int64 = 0,
        on connection: any Connection
    ) throws(DatabaseError) -> [Job] {
        var (fences, isLimited) = try nextFences(batches, on: connection)
        while let first = fences.first, first <= newest {
            fences = try nextFences(batches + Int(newest - first), on: connection).fences.suffix(batches)
        }
        let draft = ClaimDraft(
            suspicion: suspicion, batchSize: suspicion.limit(batchSize: limit), fences: fences, worker: worker)
        let jobs =
            isLimited
            ? try takeWithinLimits(draft, turn: turn, on: connection)
            : try take(Self.claim, draft, on: connection)
        return jobs.sorted { $0.id < $1.id }
    }

    /// The next `count` fences, rising, and whether any model is limited.
    private func nextFences(
        _ count: Int, on connection: any Connection
    ) throws(DatabaseError) -> (fences: [Int64], isLimited: Bool) {
        let rows = try connection.rows(Self.fenceSQL, ["count": Value(count)])
        guard let last = rows.last else {
            throw DatabaseError(
                .corrupt, "the counter \"fence\" is missing from Millrace's table of counters: restore the database")
        }
        let fences =
            switch connection.dialect {
            case .sqlite: Array(last.integer(0) - Int64(count) + 1...last.integer(0))
            case .postgres: rows.map { $0.integer(0) }
            }
        return (fences, last.integer(1) != 0)
    }

    private static let fenceSQL = SQL(
        sqlite: """
            UPDATE \(Table.counter) SET value = value + :count WHERE name = 'fence'
            RETURNING value, EXISTS (SELECT 1 FROM \(Table.modelLimit))
            """,
        postgres: """
            SELECT nextval('millrace.fence'), EXISTS (SELECT 1 FROM \(Table.modelLimit))::int
            FROM generate_series(1, :count::int)
            """)

    func take(
        _ claim: ClaimStatements, _ draft: ClaimDraft, on connection: any Connection
    ) throws(DatabaseError) -> [Job] {
        try connection.rows(
            draft.fences.count == 1 ? claim.ofOneBatch : claim.ofBatches, draft.parameters(for: connection.dialect)
        ).map { row in
            Job(
                id: row.id(0), source: row.id(1), key: Key(literal: row.text(2)), worker: draft.worker,
                fence: row.integer(5),
                attempt: Int(row.integer(3)), crashes: Int(row.integer(4)))
        }
    }

    private static let claim = ClaimStatements(
        from: "source_id NOT IN (SELECT id FROM \(Table.source) WHERE state = 'suspended')")
}

/// What is the same for all parts of one claim.
struct ClaimDraft {
    let suspicion: Suspicion
    let batchSize: Int
    /// One for each batch.
    var fences: [Int64]
    let worker: WorkerID
    /// Jobs that it may take.
    var limit: Int
    /// The model whose jobs alone it takes, where its statement asks for one.
    var model: String?

    init(suspicion: Suspicion, batchSize: Int, fences: [Int64], worker: WorkerID) {
        self.suspicion = suspicion
        self.batchSize = batchSize
        self.fences = fences
        self.worker = worker
        limit = batchSize * fences.count
    }

    func parameters(for dialect: Dialect) -> Parameters {
        var parameters: Parameters = [
            "least": .integer(suspicion.crashes.lowerBound), "most": .integer(suspicion.crashes.upperBound),
            "limit": Value(limit), "fence": .integer(fences[0]), "worker": Value(worker),
        ]
        if fences.count > 1 {
            parameters["size"] = Value(batchSize)
            if dialect == .postgres {
                parameters["fence"] = nil
                parameters["fences"] = .array(fences)
            }
        }
        if let model { parameters["model"] = .text(model) }
        return parameters
    }

    /// Some jobs were taken: what follows begins with a new fence, as long as there is one, and fills the last.
    mutating func spend(_ jobs: Int) {
        fences.removeFirst(min(fences.count - 1, (jobs + batchSize - 1) / batchSize))
        limit = min(limit - jobs, fences.count * batchSize)
    }
}

/// A claim of the jobs of some sources, under one fence, or under one for each of several batches.
///
/// On PostgreSQL jobs that another transaction has, a claim's or a user's, are passed by; they are picked in a step of
/// its own, since a plan may run a part of another step more than once, and then each run would pick other jobs.
struct ClaimStatements {
    let ofOneBatch: SQL
    let ofBatches: SQL

    /// - Parameter sources: the condition on `source_id`.
    init(from sources: SQLText) {
        let pick: SQLText = """
            SELECT id FROM \(Table.job)
            WHERE state = 'available' AND crashes BETWEEN :least AND :most AND \(sources)
            ORDER BY crashes, priority DESC, id
            LIMIT :limit
            """
        let columns: SQLText = "id, source_id, key, attempt, crashes, fence"
        ofOneBatch = SQL(
            sqlite: """
                UPDATE \(Table.job)
                SET state = 'running', claimed_rev = wanted_rev, fence = :fence, worker_id = :worker
                WHERE id IN (\(pick))
                RETURNING \(columns)
                """,
            postgres: """
                WITH picked AS MATERIALIZED (\(pick) FOR NO KEY UPDATE SKIP LOCKED)
                UPDATE \(Table.job)
                SET state = 'running', claimed_rev = wanted_rev, fence = :fence, worker_id = :worker
                WHERE id IN (SELECT id FROM picked)
                RETURNING \(columns)
                """)
        ofBatches = SQL(
            sqlite: """
                WITH placed(picked, batch) AS (SELECT id, (ROW_NUMBER() OVER () - 1) / :size FROM (\(pick)))
                UPDATE \(Table.job)
                SET state = 'running', claimed_rev = wanted_rev, fence = :fence + batch, worker_id = :worker
                FROM placed WHERE id = picked
                RETURNING \(columns)
                """,
            postgres: """
                WITH picked AS MATERIALIZED (\(pick) FOR NO KEY UPDATE SKIP LOCKED),
                placed(picked, batch) AS (SELECT id, (ROW_NUMBER() OVER () - 1) / :size::int FROM picked)
                UPDATE \(Table.job)
                SET state = 'running', claimed_rev = wanted_rev, fence = (:fences::bigint[])[batch + 1],
                    worker_id = :worker
                FROM placed WHERE id = picked
                RETURNING \(columns)
                """)
    }
}
