import Core
import DatabaseSQLite
import Testing

struct JobTableModelTests {
    /// Two databases on one file stand for two processes; each operation is one transaction of either.
    @Test func `after each of 20,000 random operations the table holds what the machines say`() async throws {
        let file = DatabaseFile()
        let databases = [try await file.open(), try await file.open()]
        let seed = Random.seed(of: "job table")
        var random = Random(seed: seed ^ 1)
        var trial = JobTableTrial(seed: seed)
        // A few operations to the transaction, compared after each, for a commit is much dearer than a statement.
        for round in 0..<5_000 {
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
            #expect(trial.seen[what, default: 0] >= 20, "\(what): \(trial.seen[what, default: 0]) of 20,000")
        }
        let faults = try await databases[0].integrityCheck()
        #expect(faults.isEmpty)
        for database in databases { await database.close() }
    }

    @Test func `the trigger's words were found`() {
        #expect(Wish.conflict.contains("DO UPDATE SET"))
        #expect(Wish.conflict.contains("WHEN 'running' THEN 'running'"))
    }
}
