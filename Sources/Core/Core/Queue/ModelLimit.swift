/// How much of one model's work all workers together may do: for a provider that bills or throttles, or a device that
/// others share.
package struct ModelLimit: Hashable, Sendable {
    package let model: String
    /// Jobs running at the same time, or nil for any number.
    package let concurrency: Int?
    /// Jobs begun in a minute, or nil for any number.
    package let perMinute: Int?

    package init(model: String, concurrency: Int?, perMinute: Int?) {
        self.model = model
        self.concurrency = concurrency
        self.perMinute = perMinute
    }
}

/// What a model's limit leaves for a claim.
package struct Allowance: Hashable, Sendable {
    package let model: String
    /// Jobs that may be claimed now; 0 where the limit is reached.
    package let jobs: Int
}

/// The table of limits. A rate is a bucket that fills evenly and holds ten seconds' worth, one job at least; its time is
/// the database's, so that machines whose clocks differ fill it no faster.
package struct ModelLimitStore: Sendable {
    package init() {}

    package func all(on connection: any Connection) throws(DatabaseError) -> [ModelLimit] {
        try connection.rows(
            .both("SELECT model, concurrency, per_minute FROM \(Table.modelLimit) ORDER BY model")
        ).map { row in
            ModelLimit(
                model: row.text(0), concurrency: row[1].integer.map(Int.init), perMinute: row[2].integer.map(Int.init))
        }
    }

    /// Sets a model's limit, or takes it away where it limits nothing.
    package func set(_ limit: ModelLimit, on connection: any Connection) throws(DatabaseError) {
        guard limit.concurrency != nil || limit.perMinute != nil else {
            try connection.run(
                .both("DELETE FROM \(Table.modelLimit) WHERE model = :model"), ["model": .text(limit.model)])
            return
        }
        try connection.run(
            .both(
                """
                INSERT INTO \(Table.modelLimit)(model, concurrency, per_minute, tokens, refilled_at)
                VALUES (:model, :concurrency, :per_minute, 0, \(SQLText.now))
                ON CONFLICT (model) DO UPDATE SET
                    concurrency = excluded.concurrency, per_minute = excluded.per_minute
                """),
            [
                "model": .text(limit.model), "concurrency": limit.concurrency.map { Value($0) } ?? .null,
                "per_minute": limit.perMinute.map { Value($0) } ?? .null,
            ])
    }

    // MARK: In the claim

    /// Keeps other claims from spending the same allowances until the transaction ends.
    ///
    /// A statement of its own: one that waited for a lock still counts the running jobs that it saw when it began.
    func lock(on connection: any Connection) throws(DatabaseError) {
        guard connection.dialect == .postgres else { return }
        _ = try connection.rows(
            SQL(postgres: "SELECT model FROM \(Table.modelLimit) ORDER BY model FOR UPDATE"))
    }

    /// What each limit leaves at this moment; a claim calls ``lock(on:)`` before.
    func allowances(on connection: any Connection) throws(DatabaseError) -> [Allowance] {
        try connection.rows(Self.allowancesSQL).map { row in
            let left = [row[1].real.map { Int($0) }, row[2].integer.map(Int.init)]
            return Allowance(model: row.text(0), jobs: max(0, left.compactMap(\.self).min() ?? .max))
        }
    }

    /// Takes what was claimed off the model's bucket, in the claim's transaction.
    func spend(_ jobs: Int, of model: String, on connection: any Connection) throws(DatabaseError) {
        try connection.run(Self.spendSQL, ["model": .text(model), "jobs": Value(jobs)])
    }

    private static let allowancesSQL = SQL.both(
        """
        SELECT model, \(filled), concurrency - (
                SELECT COUNT(*) FROM \(Table.job) AS job
                WHERE job.state = 'running'
                    AND job.source_id IN (SELECT id FROM \(Table.source) AS source WHERE source.model = limits.model))
        FROM \(Table.modelLimit) AS limits ORDER BY model
        """)

    private static let spendSQL = SQL.both(
        """
        UPDATE \(Table.modelLimit) SET tokens = \(filled) - :jobs, refilled_at = \(SQLText.now)
        WHERE model = :model AND per_minute IS NOT NULL
        """)

    /// What the bucket holds now, NULL where there is none. A clock that is set fills it once, whichever way.
    private static let filled: SQLText = """
        CASE WHEN per_minute IS NULL THEN NULL
            WHEN tokens + \(inflow) > \(capacity) THEN \(capacity) ELSE tokens + \(inflow) END
        """
    private static let inflow: SQLText = "per_minute / 60000000.0 * abs(\(SQLText.now) - refilled_at)"
    private static let capacity: SQLText = "CASE WHEN per_minute < 6 THEN 1.0 ELSE per_minute / 6.0 END"
}
