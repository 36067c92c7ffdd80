extension JobStore {
    /// Whether a claim would find anything: looks at an index, on a reader.
    package func hasAvailable(on connection: any Connection) throws(DatabaseError) -> Bool {
        guard let row = try connection.row(Self.lookSQL) else { return false }
        if row.integer(0) != 0 { return true }
        guard row.integer(1) != 0 else { return false }
        for allowance in try ModelLimitStore().allowances(on: connection) where allowance.jobs > 0 {
            if try connection.row(Self.limitedLookSQL, ["model": .text(allowance.model)]) != nil { return true }
        }
        return false
    }

    /// The jobs of each limited model, and those of all others, in parts whose order turns with each claim.
    func takeWithinLimits(
        _ draft: ClaimDraft, turn: Int, on connection: any Connection
    ) throws(DatabaseError) -> [Job] {
        let limits = ModelLimitStore()
        try limits.lock(on: connection)
        let parts = try limits.allowances(on: connection).map(Optional.some) + [nil]
        var jobs: [Job] = []
        var left = draft
        for place in parts.indices where left.limit > 0 {
            var part = left
            var taken: [Job] = []
            if let allowance = parts[(place + turn) % parts.count] {
                part.limit = min(left.limit, allowance.jobs)
                part.model = allowance.model
                guard part.limit > 0 else { continue }
                taken = try take(Self.limitedClaim, part, on: connection)
                if !taken.isEmpty { try limits.spend(taken.count, of: allowance.model, on: connection) }
            } else {
                taken = try take(Self.unlimitedClaim, part, on: connection)
            }
            left.spend(taken.count)
            jobs += taken
        }
        return jobs
    }

    private static let limitedClaim = ClaimStatements(from: limited)
    private static let unlimitedClaim = ClaimStatements(from: unlimited)

    private static let limited: SQLText =
        "source_id IN (SELECT id FROM \(Table.source) WHERE model = :model AND state <> 'suspended')"
    private static let unlimited: SQLText = """
        source_id NOT IN (
            SELECT id FROM \(Table.source)
            WHERE state = 'suspended' OR model IN (SELECT model FROM \(Table.modelLimit)))
        """

    /// Whether there is work of models without a limit, and whether any model has one.
    private static let lookSQL = SQL.both(
        "SELECT CASE WHEN \(waits(unlimited)) THEN 1 ELSE 0 END, (SELECT COUNT(*) FROM \(Table.modelLimit))")
    private static let limitedLookSQL = SQL.both("SELECT 1 WHERE \(waits(limited))")

    /// Every job has 0 crashes or more; saying so makes the planner search the index of available jobs, where it would
    /// read the whole table otherwise.
    private static func waits(_ sources: SQLText) -> SQLText {
        "EXISTS (SELECT 1 FROM \(Table.job) WHERE state = 'available' AND crashes >= 0 AND \(sources))"
    }
}
