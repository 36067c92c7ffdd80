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
            \(takenClaims)
            SELECT ours.is_current, EXISTS (
                SELECT 1 FROM \(Table.job) AS job
                WHERE \(isClaimed(among: nil)))
            FROM claim LEFT JOIN ours ON ours.id = claim.id
            ORDER BY claim.place
            """)

    /// Whether any of these claims still stands. PostgreSQL alone; takes nothing.
    package func anyStands(of jobs: [Job], on connection: any Connection) throws(DatabaseError) -> Bool {
        try connection.row(Self.anyStandsSQL, claimParameters(jobs)) != nil
    }

    private static let anyStandsSQL = SQL(
        postgres: "SELECT 1 FROM \(claims) JOIN \(Table.job) AS job ON \(isClaimed(among: nil)) LIMIT 1")

    /// Those claims of the parameters that stand and that nobody else has: taken, and seen.
    private static let takenClaims: SQLText = """
        WITH claim AS MATERIALIZED (SELECT * FROM \(claims)),
        ours AS MATERIALIZED (
            SELECT job.id, job.wanted_rev = job.claimed_rev AS is_current
            FROM \(Table.job) AS job
            WHERE job.id = ANY (:ids::bigint[]) AND \(isRunning)
                AND EXISTS (
                    SELECT 1 FROM claim
                    WHERE claim.id = job.id AND claim.fence = job.fence AND claim.worker = job.worker_id)
            FOR NO KEY UPDATE SKIP LOCKED)
        """

    /// Takes the claims as ``standing(of:on:)`` does, and notes on the server which of the places that are kept stay so, and
    /// which jobs were wished for again meanwhile. PostgreSQL alone.
    ///
    /// - Parameter onAnswer: gets the places of the latter.
    package func takingClaims(of jobs: [Job], onAnswer: ((_ again: Set<Int>) -> Void)? = nil) -> Query {
        Query(Self.takeSQL, claimParameters(jobs)) { rows in
            guard let row = rows.first else { preconditionFailure("an aggregate gave no row") }
            onAnswer?(ServerNote.places(row.text(1)))
        }
    }

    private static let takeSQL: SQL = {
        let isKept: SQLText = "claim.place = ANY (\(ServerNote.kept.places))"
        return SQL(
            postgres: """
                \(takenClaims)
                SELECT \(ServerNote.kept.write("claim.place", where: "is_current AND \(isKept)")),
                    \(ServerNote.again.write("claim.place", where: "NOT is_current"))
                FROM claim JOIN ours ON ours.id = claim.id
                """)
    }()

    /// Looks once more at the claims whose rows have been written, and fails with the transaction where a trigger of the
    /// user's has had a hand in one of them: it took the row away, wished for it again, or changed its text.
    ///
    /// - Parameter onAnswer: gets the places that were written, and those of jobs that were wished for again before.
    package func recheckingClaims(
        of jobs: [Job], onAnswer: @escaping (_ written: Set<Int>, _ again: Set<Int>) -> Void
    ) -> Query {
        Query(Self.recheckSQL, claimParameters(jobs)) { rows in
            guard let row = rows.first else { preconditionFailure("an aggregate gave no row") }
            onAnswer(ServerNote.places(row.text(1)), ServerNote.places(row.text(2)))
        }
    }

    /// A cast that fails, since plain SQL has no other way to raise an error.
    private static let recheckSQL = SQL(
        postgres: """
            SELECT (CASE WHEN count(*) FILTER (WHERE job.wanted_rev = job.claimed_rev)
                            = cardinality(\(ServerNote.written.places))
                        AND cardinality(\(ServerNote.spoiled.places)) = 0
                    THEN 'yes'
                    ELSE 'a trigger of this table changed a row while its vector was written' END)::boolean,
                \(ServerNote.written.text), \(ServerNote.again.text)
            FROM \(claims) JOIN \(Table.job) AS job ON \(isClaimed(among: .written))
            """)

    /// The jobs' work is done and written: they cease to exist, and so does what is known of an earlier death.
    ///
    /// A job whose fence is not that of the present claim is passed by.
    package func finish(_ jobs: [Job], on connection: any Connection) throws(DatabaseError) {
        guard !jobs.isEmpty else { return }
        switch connection.dialect {
        case .sqlite:
            let counts = try connection.runMany(Self.finishOneSQL, jobs.map(claimParameters))
            try connection.runMany(
                Self.forgetDeadSQL,
                zip(jobs, counts).compactMap { job, count in
                    count == 1 ? ["source": Value(job.source), "key": .text(job.key.literal)] : nil
                })
        case .postgres:
            let finish = finishing(jobs)
            try connection.runLater(finish.statement, finish.parameters)
        }
    }

    private static let finishOneSQL = SQL(
        sqlite: "DELETE FROM \(Table.job) WHERE id = :id AND fence = :fence AND state = 'running'")

    private static let forgetDeadSQL = SQL(
        sqlite: "DELETE FROM \(Table.deadJob) WHERE source_id = :source AND key = :key")

    /// ``finish(_:on:)`` on PostgreSQL, of the jobs at the noted places alone; nil is all.
    package func finishing(_ jobs: [Job], among places: ServerNote? = nil) -> Query {
        Query(places == nil ? Self.finishSQL : Self.finishSQL(among: places), claimParameters(jobs))
    }

    private static let finishSQL = finishSQL(among: nil)

    private static func finishSQL(among places: ServerNote?) -> SQL {
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
    package func requeue(_ jobs: [Job], on connection: any Connection) throws(DatabaseError) {
        guard !jobs.isEmpty else { return }
        switch connection.dialect {
        case .sqlite: try connection.runMany(Self.requeueOneSQL, jobs.map(claimParameters))
        case .postgres:
            let requeue = requeuing(jobs)
            try connection.runLater(requeue.statement, requeue.parameters)
        }
        connection.notify()
    }

    private static let requeueOneSQL = SQL(
        sqlite: """
            UPDATE \(Table.job) SET state = 'available', worker_id = NULL
            WHERE id = :id AND fence = :fence AND state = 'running'
            """)

    /// ``requeue(_:on:)`` on PostgreSQL, of the jobs at the noted places alone; nil is all.
    package func requeuing(_ jobs: [Job], among places: ServerNote? = nil) -> Query {
        Query(Self.requeueSQL(among: places), claimParameters(jobs))
    }

    private static func requeueSQL(among places: ServerNote?) -> SQL {
        SQL(
            postgres: """
                UPDATE \(Table.job) AS job SET state = 'available', worker_id = NULL
                FROM \(claims) WHERE \(isClaimed(among: places))
                """)
    }

    /// The claims of the parameters, as a table.
    private static let claims: SQLText = """
        unnest(:ids::bigint[], :workers::bigint[], :fences::bigint[])
            WITH ORDINALITY AS claim(id, worker, fence, place)
        """

    private static func isClaimed(among places: ServerNote?) -> SQLText {
        let isClaimed: SQLText =
            "job.id = claim.id AND job.worker_id = claim.worker AND job.fence = claim.fence AND \(isRunning)"
        return places.map { "\(isClaimed) AND claim.place = ANY (\($0.places))" } ?? isClaimed
    }

    /// PostgreSQL shall find these jobs by their number. The index of running jobs looks shorter to a planner that saw it
    /// when it was empty, and is not: said this way, no index is known to hold it.
    private static let isRunning: SQLText = "(job.state = 'running') IS TRUE"

    private func claimParameters(_ job: Job) -> Parameters {
        ["id": Value(job.id), "fence": .integer(job.fence)]
    }

    private func claimParameters(_ jobs: [Job]) -> Parameters {
        [
            "ids": .array(jobs.map(\.id.rawValue)), "fences": .array(jobs.map(\.fence)),
            "workers": TextArray(jobs.map { $0.worker.map { String($0.rawValue) } }).value,
        ]
    }
}
