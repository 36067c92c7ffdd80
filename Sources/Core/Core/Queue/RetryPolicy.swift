/// How often and after which pauses a failed job is tried again.
package struct RetryPolicy: Hashable, Sendable {
    /// Failures of the work after which a job is dead.
    package var maxAttempts = 5
    /// Pause after the first failure; it doubles with each further one.
    package var firstDelay = Duration.seconds(2)
    package var longestDelay = Duration.seconds(300)
    /// Lone crashes after which a job is held. More than one, so that a process killed from outside at a bad moment,
    /// again and again, never condemns an innocent row.
    package var aloneCrashesBeforeHeld = 3

    package init() {}

    /// The pause after `attempt` failures (1 or more): exponential, spread over its upper half.
    ///
    /// - Parameter jitter: a random number in 0..<1.
    package func delay(afterAttempt attempt: Int, jitter: Double) -> Duration {
        precondition(attempt >= 1)
        let doublings = min(attempt - 1, 20)
        let full = min(firstDelay.seconds * Double(1 << doublings), longestDelay.seconds)
        return .seconds(full / 2 + full / 2 * jitter)
    }
}

/// How many jobs a batch has, by how often they were present at a crash.
///
/// After one crash a job runs in a small batch, after two alone, so that a poisonous input is found
/// without condemning its neighbours.
package enum Suspicion: CaseIterable, Sendable {
    case none
    case some
    case strong

    /// The range of `crashes` that falls under this degree.
    package var crashes: ClosedRange<Int64> {
        switch self {
        case .none: 0...0
        case .some: 1...1
        case .strong: 2...Int64.max
        }
    }

    /// The most jobs of one batch.
    package func limit(batchSize: Int) -> Int {
        switch self {
        case .none: batchSize
        // About the root of what a process has in hand: as many claims find the batch that crashes as then find its input.
        case .some: max(min(8, batchSize), batchSize / 8)
        case .strong: 1
        }
    }

    /// The order in which a process's claims look for work; `turn` counts them from 1.
    ///
    /// What a dead worker held comes before the rest, or it would wait for the end of a long backfill, and its two degrees
    /// take turns, or the strong would wait for as long as others die. Only the first turn of a process and every eighth
    /// after it begin with unsuspected jobs, so that where many inputs kill their process each life of one still does
    /// ordinary work.
    package static func order(turn: Int) -> [Suspicion] {
        if turn % 8 == 1 { return [.none, .some, .strong] }
        return turn % 2 == 0 ? [.some, .strong, .none] : [.strong, .some, .none]
    }
}
