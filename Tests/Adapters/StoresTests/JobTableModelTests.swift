import Core
import DatabaseSQLite
import TestDatabases
import Testing

struct JobTableModelTests {
    /// Two databases on one file stand for two processes; each operation is one transaction of either.
    ///
    /// Fewer operations on PostgreSQL, where each comparison costs round trips: the machines' own million is
    /// ``QueueModelTests``' part, this holds the table to them.
    @Test(arguments: [(Dialect.sqlite, 5_000), (.postgres, 2_000)])
    func `after each of many random operations the table holds what the machines say`(
        on dialect: Dialect, rounds: Int
    ) async throws {
        let place = try await TestDatabase(dialect)
        let databases = [try await place.program(), try await place.program()]
        let seed = Random.seed(of: "job table")
        var random = Random(seed: seed ^ 1)
        var trial = JobTableTrial(seed: seed)
        // A few operations to the transaction, compared after each, for a commit is much dearer than a statement.
        for round in 0..<rounds {
            let before = trial
            trial = try await databases[random.below(2)].write { connection in
                var trial = before
                for _ in 0..<4 {
                    try trial.step(on: connection)
                    try trial.compare(on: connection)
                }
                return trial
            }
            if round.isMultiple(of: 50) {
                let now = trial
                try await databases[random.below(2)].read { try now.compare(on: $0) }
            }
        }
        for what in [
            "want", "delete", "claim none", "claim some", "claim strong", "settle finished", "settle gone",
            "settle changed",
            "late", "hand back", "lose", "held", "free orphans", "suspend", "promote",
        ] {
            #expect(
                trial.seen[what, default: 0] >= rounds / 250,
                "\(what): \(trial.seen[what, default: 0]) of \(rounds * 4)")
        }
        if let file = databases[0] as? SQLiteDatabase {
            let faults = try await file.integrityCheck()
            #expect(faults.isEmpty)
        }
        for database in databases { await database.close() }
    }

    @Test(arguments: Dialect.allCases) func `the trigger's words were found`(on dialect: Dialect) {
        #expect(Wish.conflict(dialect).contains("DO UPDATE SET"))
        #expect(Wish.conflict(dialect).contains("WHEN 'running' THEN 'running'"))
    }
}
