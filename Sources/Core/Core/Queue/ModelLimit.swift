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

    /// Jobs that may begin now after a pause, by a bucket that fills evenly and holds ten seconds' worth, one at least.
    ///
    /// - Parameters:
    ///   - tokens: what was left at the last look.
    ///   - elapsed: since then; a clock that was set back counts as none.
    func refilled(_ tokens: Double, after elapsed: Duration) -> Double? {
        guard let perMinute else { return nil }
        let perSecond = Double(perMinute) / 60
        return min(max(perSecond * 10, 1), tokens + perSecond * max(elapsed, .zero).seconds)
    }
}

/// The table of limits. Claims look here under a lock of the limit's row, so that two never spend the same allowance.
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
    package func set(_ limit: ModelLimit, now: Timestamp, on connection: any Connection) throws(DatabaseError) {
        guard limit.concurrency != nil || limit.perMinute != nil else {
            try connection.run(
                .both("DELETE FROM \(Table.modelLimit) WHERE model = :model"), ["model": .text(limit.model)])
            return
        }
        try connection.run(
            .both(
                """
                INSERT INTO \(Table.modelLimit)(model, concurrency, per_minute, tokens, refilled_at)
                VALUES (:model, :concurrency, :per_minute, 0, :now)
                ON CONFLICT (model) DO UPDATE SET
                    concurrency = excluded.concurrency, per_minute = excluded.per_minute
                """),
            [
                "model": .text(limit.model), "concurrency": limit.concurrency.map { Value($0) } ?? .null,
                "per_minute": limit.perMinute.map { Value($0) } ?? .null, "now": Value(now),
            ])
    }

    /// How many jobs of the limit's model may be claimed now. Holds the limit's row until the transaction ends.
    package func allowance(
        of limit: ModelLimit, now: Timestamp, on connection: any Connection
    ) throws(DatabaseError) -> Int {
        guard let row = try connection.row(Self.lockSQL, ["model": .text(limit.model)]) else { return .max }
        var allowance = Int.max
        let elapsed = now - Timestamp(microseconds: row.integer(1))
        if let tokens = limit.refilled(row[0].real ?? 0, after: elapsed) {
            try connection.run(
                .both("UPDATE \(Table.modelLimit) SET tokens = :tokens, refilled_at = :now WHERE model = :model"),
                ["model": .text(limit.model), "tokens": .real(tokens), "now": Value(now)])
            allowance = Int(tokens)
        }
        if let concurrency = limit.concurrency {
            let running = try connection.row(Self.runningSQL, ["model": .text(limit.model)])?.integer(0) ?? 0
            allowance = min(allowance, max(0, concurrency - Int(running)))
        }
        return allowance
    }

    /// Takes what was claimed off the allowance, in the claim's transaction.
    package func spend(_ jobs: Int, of limit: ModelLimit, on connection: any Connection) throws(DatabaseError) {
        guard limit.perMinute != nil, jobs > 0 else { return }
        try connection.run(
            .both("UPDATE \(Table.modelLimit) SET tokens = tokens - :jobs WHERE model = :model"),
            ["model": .text(limit.model), "jobs": Value(jobs)])
    }

    private static let lockSQL = SQL(
        sqlite: "SELECT tokens, refilled_at FROM \(Table.modelLimit) WHERE model = :model",
        postgres: "SELECT tokens, refilled_at FROM \(Table.modelLimit) WHERE model = :model FOR UPDATE")

    private static let runningSQL = SQL.both(
        """
        SELECT COUNT(*) FROM \(Table.job)
        WHERE state = 'running' AND source_id IN (SELECT id FROM \(Table.source) WHERE model = :model)
        """)
}
