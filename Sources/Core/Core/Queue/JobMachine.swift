/// One job's life as a pure state machine: every transition is a method that takes the moment and returns what it
/// decided, and none looks at a clock, a database or a random number.
///
/// The rules are those of Docs/JobStates.md. ``JobStore`` applies them to the `millrace_job` table; the frequent
/// transitions (want, claim, done) are written there as SQL, and a test holds the two together.
package struct JobMachine: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// Waits for its moment, off the claim index.
        case scheduled(at: Timestamp)
        /// Any worker may claim it.
        case available
        /// In the hands of the claim that carries this fence.
        case running(fence: Int64)
        /// Has taken its process down with it while alone in the model; waits for a person.
        case held
        /// Given up, with the reason kept.
        case dead
        /// Finished; the job no longer exists.
        case done
    }

    /// What a worker reports of one job.
    package enum Outcome: Hashable, Sendable {
        /// The vector was written, or the row had nothing to embed.
        case finished
        /// The row's text is no longer what was read.
        case changed
        /// The row does not exist any more.
        case gone
        /// This input failed. `isRetryable` says whether another try may pass.
        case failed(isRetryable: Bool)
        /// A provider asked for patience; that is nobody's failure.
        case throttled(for: Duration)
    }

    /// What became of a report.
    package enum Settlement: Hashable, Sendable {
        /// The fence was not that of the present claim: nothing changed.
        case ignored
        case done
        case requeued
        case retrying(at: Timestamp)
        case dead
    }

    package var state: State
    /// Grows with every wish; what is claimed is the revision that was wanted then.
    package var wantedRevision: Int64 = 1
    package var claimedRevision: Int64?
    /// Failures of the work itself since the last wish.
    package var attempt = 0
    /// Processes that died with this job inside the model, since the last wish.
    package var crashes = 0
    /// Of these, with no other job beside it.
    package var aloneCrashes = 0

    package init(state: State = .available) {
        self.state = state
    }

    /// The row was written, or set to pending by hand: it is to be embedded (again).
    ///
    /// A running job stays with its claim, whose settlement sees the newer revision and queues it again.
    package mutating func want() {
        wantedRevision += 1
        attempt = 0
        crashes = 0
        aloneCrashes = 0
        switch state {
        case .running: break
        case .scheduled, .available, .held, .dead, .done: state = .available
        }
    }

    /// A worker takes the job. - Precondition: it is available.
    package mutating func claim(fence: Int64) {
        precondition(state == .available, "only an available job can be claimed")
        state = .running(fence: fence)
        claimedRevision = wantedRevision
    }

    /// The worker that holds `fence` reports.
    ///
    /// - Parameter jitter: a random number in 0..<1, for the spread of a retry.
    package mutating func settle(
        _ outcome: Outcome, fence: Int64, now: Timestamp, policy: RetryPolicy, jitter: Double
    ) -> Settlement {
        guard state == .running(fence: fence) else { return .ignored }
        // Before all else, a missing row included: who wished meanwhile has perhaps written it anew since it was looked for.
        if wantedRevision != claimedRevision || outcome == .changed {
            state = .available
            return .requeued
        }
        switch outcome {
        case .finished, .gone:
            state = .done
            return .done
        case .changed:
            state = .available
            return .requeued
        case .throttled(let delay):
            return retry(at: now + delay)
        case .failed(let isRetryable):
            attempt += 1
            guard isRetryable, attempt < policy.maxAttempts else {
                state = .dead
                return .dead
            }
            return retry(at: now + policy.delay(afterAttempt: attempt, jitter: jitter))
        }
    }

    private mutating func retry(at moment: Timestamp) -> Settlement {
        state = .scheduled(at: moment)
        return .retrying(at: moment)
    }

    /// The worker hands the job back unfinished: at a stop, or because the batch must be cut smaller.
    ///
    /// - Returns: false where the fence is not that of the present claim.
    package mutating func release(fence: Int64) -> Bool {
        guard state == .running(fence: fence) else { return false }
        state = .available
        return true
    }

    /// The worker that holds `fence` is gone.
    ///
    /// - Parameters:
    ///   - isInModel: whether the job was inside the model; a prefetched one is innocent.
    ///   - isAlone: whether no other job was in the same batch.
    package mutating func lose(fence: Int64, isInModel: Bool, isAlone: Bool, policy: RetryPolicy) {
        guard state == .running(fence: fence) else { return }
        state = .available
        guard isInModel else { return }
        crashes += 1
        if isAlone { aloneCrashes += 1 }
        if aloneCrashes >= policy.aloneCrashesBeforeHeld { state = .held }
    }

    /// The promoter passes by: a scheduled job whose moment has come becomes available.
    package mutating func promote(now: Timestamp) -> Bool {
        guard case .scheduled(let moment) = state, moment <= now else { return false }
        state = .available
        return true
    }
}
