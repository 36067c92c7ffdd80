/// A job as people see it in a list.
package struct ListedJob: Sendable {
    package let id: Int64
    package let source: SourceID
    package let key: Key
    package let state: String
    package let attempt: Int
    package let reason: String?
    package let error: String?
    /// When it died or becomes due, where that is known.
    package let moment: Timestamp?
}

/// Failures that have the same reason in the same source.
package struct FailedGroup: Sendable {
    package let source: SourceID
    package let reason: String
    package let count: Int
    /// One of them.
    package let example: (key: Key, error: String)
}

extension JobStore {
    /// The reason under which held jobs are grouped.
    package static let heldReason = "crashed_worker"

    /// A page of live jobs in one state, by id.
    package func list(
        _ state: String, source: SourceID?, after id: Int64, limit: Int, on connection: any Connection
    ) throws(DatabaseError) -> [ListedJob] {
        try connection.rows(
            .both(
                """
                SELECT id, source_id, key, state, attempt, error, run_at FROM \(Table.job)
                WHERE state = :state AND id > :after AND (CAST(:source AS BIGINT) IS NULL OR source_id = :source)
                ORDER BY id LIMIT :limit
                """),
            [
                "state": .text(state), "after": .integer(id), "limit": Value(limit),
                "source": source.map { Value($0) } ?? .null,
            ]
        ).map { row in
            ListedJob(
                id: row.integer(0), source: row.id(1), key: Key(literal: row.text(2)), state: row.text(3),
                attempt: Int(row.integer(4)), reason: row.text(3) == "held" ? Self.heldReason : nil,
                error: row[5].text, moment: row[6].integer.map(Timestamp.init(microseconds:)))
        }
    }

    /// A page of dead jobs, by source and key.
    package func listDead(
        source: SourceID?, after: (source: SourceID, key: Key)?, limit: Int, on connection: any Connection
    ) throws(DatabaseError) -> [ListedJob] {
        try connection.rows(
            .both(
                """
                SELECT source_id, key, attempt, reason, error, died_at FROM \(Table.deadJob)
                WHERE (source_id, key) > (:after_source, :after_key) AND (CAST(:source AS BIGINT) IS NULL OR source_id = :source)
                ORDER BY source_id, key LIMIT :limit
                """),
            [
                "after_source": .integer(after?.source.rawValue ?? 0), "after_key": .text(after?.key.literal ?? ""),
                "limit": Value(limit), "source": source.map { Value($0) } ?? .null,
            ]
        ).map { row in
            ListedJob(
                id: 0, source: row.id(0), key: Key(literal: row.text(1)), state: "dead",
                attempt: Int(row.integer(2)), reason: row.text(3), error: row.text(4),
                moment: Timestamp(microseconds: row.integer(5)))
        }
    }

    /// Dead and held jobs by source and reason, largest group first.
    package func failures(on connection: any Connection) throws(DatabaseError) -> [FailedGroup] {
        let dead = try connection.rows(
            .both(
                """
                SELECT source_id, reason, grouped.number, key, error
                FROM (
                    SELECT source_id, COUNT(*) AS number, MIN(key) AS key FROM \(Table.deadJob)
                    GROUP BY source_id, reason) AS grouped
                JOIN \(Table.deadJob) USING (source_id, key)
                """))
        let held = try connection.rows(
            .both(
                """
                SELECT source_id, :reason, grouped.number, key, COALESCE(error, '')
                FROM (
                    SELECT source_id, COUNT(*) AS number, MIN(key) AS key FROM \(Table.job)
                    WHERE state = 'held' GROUP BY source_id) AS grouped
                JOIN \(Table.job) USING (source_id, key)
                """), ["reason": .text(Self.heldReason)])
        return (dead + held).map { row in
            FailedGroup(
                source: row.id(0), reason: row.text(1), count: Int(row.integer(2)),
                example: (Key(literal: row.text(3)), row.text(4)))
        }.sorted { $0.count > $1.count }
    }

    /// The keys of failed jobs to be tried again, dead ones first.
    package func failed(
        source: SourceID, reason: String?, key: Key?, limit: Int, on connection: any Connection
    ) throws(DatabaseError) -> [Key] {
        let parameters: Parameters = [
            "source": Value(source), "reason": Value(reason), "key": Value(key?.literal), "limit": Value(limit),
            "held": .text(Self.heldReason),
        ]
        return try connection.rows(
            .both(
                """
                SELECT key FROM \(Table.deadJob)
                WHERE source_id = :source AND (CAST(:reason AS TEXT) IS NULL OR reason = :reason) AND (CAST(:key AS TEXT) IS NULL OR key = :key)
                UNION ALL
                SELECT key FROM \(Table.job)
                WHERE source_id = :source AND state = 'held' AND (CAST(:reason AS TEXT) IS NULL OR :held = :reason)
                    AND (CAST(:key AS TEXT) IS NULL OR key = :key)
                LIMIT :limit
                """), parameters
        ).map { Key(literal: $0.text(0)) }
    }

    /// Forgets that these keys' jobs died.
    package func forgetDead(
        _ keys: [Key], of source: SourceID, on connection: any Connection
    ) throws(DatabaseError) {
        try connection.runMany(
            .both("DELETE FROM \(Table.deadJob) WHERE source_id = :source AND key = :key"),
            keys.map { ["source": Value(source), "key": .text($0.literal)] })
    }
}
