import Core

/// Puts jobs into the queue in bulk, as a backfill would.
struct QueueFiller: Sendable {
    let database: any Database
    static let source = SourceID(1)
    private static let chunk = 50_000

    /// Makes the schema and the source where they are not there, and adds jobs of rows that had none.
    func fill(available: Int, scheduled: Int) async throws {
        try await database.migrate()
        try await database.write { connection in
            try connection.run(
                .both(
                    """
                    INSERT INTO \(Table.source)(id, collection, table_name, definition, model, state, created_at)
                    VALUES (:id, 'bench', 'bench', '{}', 'none', 'active', 0) ON CONFLICT DO NOTHING
                    """), ["id": Value(Self.source)])
        }
        for (state, count) in [("available", available), ("scheduled", scheduled)] {
            var left = count
            while left > 0 {
                let part = min(left, Self.chunk)
                try await database.write { try Self.add(part, state: state, on: $0) }
                left -= part
            }
        }
    }

    /// Adds `count` jobs, those in state `scheduled` for a day that never comes.
    static func add(_ count: Int, state: String, on connection: any Connection) throws(DatabaseError) {
        let last = try connection.row(.both("SELECT COALESCE(MAX(id), 0) FROM \(Table.job)"))?.integer(0) ?? 0
        let runAt: Value = state == "scheduled" ? .integer(.max) : .null
        try connection.run(
            addSQL,
            [
                "first": .integer(last + 1), "last": .integer(last + Int64(count)), "source": Value(source),
                "state": .text(state), "run_at": runAt,
            ])
    }

    private static let addSQL = SQL(
        sqlite: """
            WITH RECURSIVE number(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM number WHERE n < :last)
            INSERT INTO \(Table.job)(source_id, key, state, run_at) SELECT :source, n, :state, :run_at FROM number
            """,
        postgres: """
            INSERT INTO \(Table.job)(source_id, key, state, run_at)
            SELECT :source::bigint, n::text, :state::text, :run_at::bigint
            FROM generate_series(:first::bigint, :last::bigint) AS number(n)
            """)
}
