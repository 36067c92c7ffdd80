extension JobStore {
    /// Whether `job`'s claim is still the present one, and whether nobody has wished for the row again since.
    package enum Standing: Sendable {
        case lost
        case current
        case superseded
        /// Somebody else's transaction has it.
        case locked
    }

    /// Looks at the claims of `jobs`; as many answers as jobs. In a settling transaction this comes first: on PostgreSQL
    /// the jobs that stand are ours until it ends, and those that somebody else has are not waited for.
    package func standing(of jobs: [Job], on connection: any Connection) throws(DatabaseError) -> [Standing] {
        guard !jobs.isEmpty else { return [] }
        switch connection.dialect {
        case .sqlite:
            var standings: [Standing] = []
            standings.reserveCapacity(jobs.count)
            for job in jobs {
                let row = try connection.row(Self.standingSQL, claimParameters(job))
                standings.append(row.map { $0.integer(0) != 0 ? .current : .superseded } ?? .lost)
            }
            return standings
        case .postgres:
            return try connection.rows(Self.standingsSQL, claimParameters(jobs)).map { row in
                if let isCurrent = row[0].integer { return isCurrent != 0 ? .current : .superseded }
                return row.integer(1) != 0 ? .locked : .lost
            }
        }
    }

    private static let standingSQL = SQL(
        sqlite: """
            SELECT wanted_rev = claimed_rev FROM \(Table.job)
            WHERE id = :id AND fence = :fence AND state = 'running'
            """)

    /// In the order of the parameters: whether the claim is current, NULL where it could not be taken; whether it stands.
    private static let standingsSQL = SQL(
        postgres: """
            \(takingClaims)
            SELECT ours.is_current, EXISTS (
                SELECT 1 FROM \(Table.job) AS job
                WHERE job.id = claim.id AND job.fence = claim.fence AND \(isRunning))
            FROM claim LEFT JOIN ours ON ours.id = claim.id
            ORDER BY claim.place
            """)

    /// Those claims of the parameters that stand and that nobody else has: taken, and seen.
    private static let takingClaims: SQLText = """
        WITH claim AS MATERIALIZED (SELECT * FROM \(claims)),
        ours AS MATERIALIZED (
            SELECT job.id, job.wanted_rev = job.claimed_rev AS is_current
            FROM \(Table.job) AS job
            WHERE job.id = ANY (:ids::bigint[]) AND \(isRunning)
                AND EXISTS (SELECT 1 FROM claim WHERE claim.id = job.id AND claim.fence = job.fence)
            FOR NO KEY UPDATE SKIP LOCKED)
        """

    /// Takes the claims as ``standing(of:on:)`` does, and sorts their places on the server: those that are not current, or
    /// whose row was written and then not kept, are to be done again; the others stay kept. PostgreSQL alone.
    ///
    /// - Parameter take: gets the places that are kept, and those to be done again, once they have come.
    package func sort(
        _ jobs: [Job], on connection: any Connection,
        _ take: @escaping (_ kept: Set<Int>, _ again: Set<Int>) -> Void = { _, _ in }
    ) throws(DatabaseError) {
        try connection.rowsLater(Self.sortSQL, claimParameters(jobs)) { rows in
            guard let row = rows.first else { preconditionFailure("an aggregate gave no row") }
            take(KeptPlaces.places(row.text(0)), KeptPlaces.places(row.text(1)))
        }
    }

    private static let sortSQL: SQL = {
        let isKept = KeptPlaces.kept.contains("claim.place")
        let isWritten = KeptPlaces.written.contains("claim.place")
        return SQL(
            postgres: """
                \(takingClaims)
                SELECT \(KeptPlaces.kept.become("claim.place", where: "is_current AND \(isKept)")),
                    \(KeptPlaces.again.become(
                        "claim.place", where: "NOT is_current OR (\(isWritten) AND NOT \(isKept))"))
                FROM claim JOIN ours ON ours.id = claim.id
                """)
    }()

    /// The jobs' work is done and written: they cease to exist, and so does what is known of an earlier death.
    ///
    /// A job whose fence is not that of the present claim is passed by.
    ///
    /// - Parameter places: on PostgreSQL, which of the jobs alone; nil is all.
    package func finish(
        _ jobs: [Job], among places: KeptPlaces? = nil, on connection: any Connection
    ) throws(DatabaseError) {
        guard !jobs.isEmpty else { return }
        switch connection.dialect {
        case .sqlite:
            let counts = try connection.runMany(Self.finishOneSQL, jobs.map(claimParameters))
            try connection.runMany(
                Self.forgetDeadSQL,
                zip(jobs, counts).compactMap { job, count in
                    count == 1 ? ["source": Value(job.source), "key": .text(job.key.literal)] : nil
                })
        case .postgres: try connection.runLater(Self.finishSQL(among: places), claimParameters(jobs))
        }
    }

    private static let finishOneSQL = SQL(
        sqlite: "DELETE FROM \(Table.job) WHERE id = :id AND fence = :fence AND state = 'running'")

    private static let forgetDeadSQL = SQL(
        sqlite: "DELETE FROM \(Table.deadJob) WHERE source_id = :source AND key = :key")

    private static func finishSQL(among places: KeptPlaces?) -> SQL {
        SQL(
            postgres: """
                WITH finished AS (
                    DELETE FROM \(Table.job) AS job USING \(claims)
                    WHERE \(isClaimed(among: places)) RETURNING job.source_id, job.key)
                DELETE FROM \(Table.deadJob) AS dead USING finished
                WHERE dead.source_id = finished.source_id AND dead.key = finished.key
                """)
    }

    /// Puts jobs back that their worker gives up unharmed, or whose row has changed since it was read.
    ///
    /// - Parameter places: as ``finish(_:among:on:)`` takes them.
    package func requeue(
        _ jobs: [Job], among places: KeptPlaces? = nil, on connection: any Connection
    ) throws(DatabaseError) {
        guard !jobs.isEmpty else { return }
        switch connection.dialect {
        case .sqlite: try connection.runMany(Self.requeueOneSQL, jobs.map(claimParameters))
        case .postgres: try connection.runLater(Self.requeueSQL(among: places), claimParameters(jobs))
        }
        connection.notify()
    }

    private static let requeueOneSQL = SQL(
        sqlite: """
            UPDATE \(Table.job) SET state = 'available', worker_id = NULL
            WHERE id = :id AND fence = :fence AND state = 'running'
            """)

    private static func requeueSQL(among places: KeptPlaces?) -> SQL {
        SQL(
            postgres: """
                UPDATE \(Table.job) AS job SET state = 'available', worker_id = NULL
                FROM \(claims) WHERE \(isClaimed(among: places))
                """)
    }

    /// The claims of the parameters, as a table.
    private static let claims: SQLText =
        "unnest(:ids::bigint[], :fences::bigint[]) WITH ORDINALITY AS claim(id, fence, place)"

    private static func isClaimed(among places: KeptPlaces?) -> SQLText {
        let isClaimed: SQLText = "job.id = claim.id AND job.fence = claim.fence AND \(isRunning)"
        return places.map { "\(isClaimed) AND \($0.contains("claim.place"))" } ?? isClaimed
    }

    /// PostgreSQL shall find these jobs by their number. The index of running jobs looks shorter to a planner that saw it
    /// when it was empty, and is not: said this way, no index is known to hold it.
    private static let isRunning: SQLText = "(job.state = 'running') IS TRUE"

    private func claimParameters(_ job: Job) -> Parameters {
        ["id": Value(job.id), "fence": .integer(job.fence)]
    }

    private func claimParameters(_ jobs: [Job]) -> Parameters {
        ["ids": .array(jobs.map(\.id.rawValue)), "fences": .array(jobs.map(\.fence))]
    }
}
