import Core

extension JobStore {
    /// Puts claimed jobs off to `moment`, without counting an attempt. - Precondition: their claims are the present ones.
    func postpone(_ jobs: [Job], until moment: Timestamp, on connection: any Connection) throws(DatabaseError) {
        try connection.runMany(
            .both(
                """
                UPDATE \(Table.job) SET state = 'scheduled', run_at = :moment, worker_id = NULL
                WHERE id = :id AND fence = :fence AND state = 'running'
                """),
            jobs.map { ["id": Value($0.id), "fence": .integer($0.fence), "moment": Value(moment)] })
    }

    /// Of `keys`, those whose job nobody else is writing just now, and those that have none. On PostgreSQL the jobs are
    /// ours until the transaction ends.
    func free(_ keys: [Key], of source: SourceID, on connection: any Connection) throws(DatabaseError) -> [Key] {
        guard connection.dialect == .postgres, !keys.isEmpty else { return keys }
        let parameters: Parameters = ["source": Value(source), "keys": TextArray(keys.map(\.literal)).value]
        let select =
            "SELECT key FROM \(Table.job.name(in: .postgres)) WHERE source_id = :source AND key = ANY (:keys::text[])"
        let ours = try connection.rows(SQL(postgres: "\(select) FOR NO KEY UPDATE SKIP LOCKED"), parameters)
        let all = try connection.rows(SQL(postgres: "\(select)"), parameters)
        let locked = Set(all.map { Key(literal: $0.text(0)) }).subtracting(ours.map { Key(literal: $0.text(0)) })
        return keys.filter { !locked.contains($0) }
    }
}
