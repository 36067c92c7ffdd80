import Core
import Testing

struct RetryPolicyTests {
    @Test(arguments: [(1, 2.0), (2, 4), (3, 8), (4, 16), (8, 256), (9, 300), (10, 300), (64, 300), (1_000_000, 300)])
    func `the pause doubles up to its longest`(attempt: Int, seconds: Double) {
        let policy = RetryPolicy()
        #expect(policy.delay(afterAttempt: attempt, jitter: 0) == .seconds(seconds / 2))
        #expect(policy.delay(afterAttempt: attempt, jitter: 0.5) == .seconds(seconds * 3 / 4))
    }

    @Test func `jitter spreads the pause over its upper half and never beyond`() {
        var random = Random(seed: 3)
        let policy = RetryPolicy()
        for _ in 0..<10_000 {
            let attempt = 1 + random.below(12)
            let full = min(2 * Double(1 << (attempt - 1)), 300)
            let pause = policy.delay(afterAttempt: attempt, jitter: random.fraction()).seconds
            #expect(pause >= full / 2 && pause < full)
        }
    }

    @Test func `there is no pause before the first failure`() async {
        await #expect(processExitsWith: .failure) {
            _ = RetryPolicy().delay(afterAttempt: 0, jitter: 0)
        }
    }

    @Test func `every number of crashes has one degree of suspicion`() {
        for crashes in [0, 1, 2, 3, 100, Int64.max] {
            #expect(Suspicion.allCases.count { $0.crashes.contains(crashes) } == 1, "\(crashes)")
        }
    }

    @Test func `suspects run in small batches, then alone`() {
        #expect(Suspicion.none.limit(batchSize: 256) == 256)
        #expect(Suspicion.some.limit(batchSize: 256) == 32)
        #expect(Suspicion.some.limit(batchSize: 32) == 8)
        #expect(Suspicion.some.limit(batchSize: 4) == 4)
        #expect(Suspicion.strong.limit(batchSize: 256) == 1)
    }
}
