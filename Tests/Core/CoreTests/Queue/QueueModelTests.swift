import Core
import Testing

struct QueueModelTests {
    /// The queue's rules and the observer beside their naive tellings, on clocks that nobody waits for.
    @Test func `a million random operations agree with the naive queue and lose no wish`() throws {
        let seed = Random.seed(of: "queue model")
        var trial = QueueTrial(seed: seed, rows: 24, workers: 4)
        for operation in 1...1_000_000 {
            try trial.step()
            if operation.isMultiple(of: 1000) { try trial.checkAll() }
            if operation.isMultiple(of: 50_000) { try trial.settleDown() }
        }
        // A trial that stopped reaching a rule would prove nothing of it.
        let reached = [
            "wish for scheduled", "wish for available", "wish for running", "wish for held", "wish for dead",
            "wish for done", "claim of none", "claim of some", "claim of strong", "settled as done",
            "settled as requeued", "settled as retrying", "settled as dead", "settled as ignored", "late report",
            "hand back", "lost to available", "lost to held", "promoted",
        ]
        for what in reached {
            #expect(trial.seen[what, default: 0] >= 20, "\(what): \(trial.seen[what, default: 0]) of 1,000,000")
        }
    }
}
