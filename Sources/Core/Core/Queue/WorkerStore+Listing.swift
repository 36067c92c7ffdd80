/// A worker incarnation as people see it.
package struct ListedWorker: Sendable {
    package let id: WorkerID
    package let name: String
    package let host: String
    package let pid: Int32
    package let version: String?
    package let state: String
    package let beatAt: Timestamp
    package let startedAt: Timestamp
    package let device: String?
    package let model: String?
    package let endpoint: String?
    package let isInModel: Bool
    package let succeeded: Int
    package let failed: Int
    package let skipped: Int
    package let truncated: Int
    /// Rows settled in a second of late.
    package let rate: Double
}

extension WorkerStore {
    /// The incarnations that are alive, then those that were lost lately; those that said goodbye are left out.
    package func list(on connection: any Connection) throws(DatabaseError) -> [ListedWorker] {
        try connection.rows(
            .both(
                """
                SELECT id, name, host, pid, state, beat_at, started_at, device, model, endpoint, in_model,
                    succeeded, failed, skipped, truncated, version, rate
                FROM \(Table.worker) WHERE state <> 'stopped'
                ORDER BY state = 'lost', id DESC LIMIT 100
                """)
        ).map { row in
            ListedWorker(
                id: row.id(0), name: row.text(1), host: row.text(2), pid: Int32(truncatingIfNeeded: row.integer(3)),
                version: row[15].text, state: row.text(4), beatAt: Timestamp(microseconds: row.integer(5)),
                startedAt: Timestamp(microseconds: row.integer(6)), device: row[7].text, model: row[8].text,
                endpoint: row[9].text, isInModel: row.text(10) != "[]", succeeded: Int(row.integer(11)),
                failed: Int(row.integer(12)), skipped: Int(row.integer(13)), truncated: Int(row.integer(14)),
                rate: row[16].real ?? 0)
        }
    }

    /// What all workers together have ever settled: grows while the table's rows live.
    package func totalSettled(on connection: any Connection) throws(DatabaseError) -> Int {
        let row = try connection.row(
            .both("SELECT CAST(COALESCE(SUM(succeeded + failed + skipped), 0) AS BIGINT) FROM \(Table.worker)"))
        return Int(row?.integer(0) ?? 0)
    }
}
