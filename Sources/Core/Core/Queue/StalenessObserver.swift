/// Decides that a worker is gone, by watching its beat on the watcher's own monotonic clock.
///
/// A worker is stale once the same beat has been seen for a whole lease. Two clocks are never compared, so a clock
/// that jumps takes nobody's work; and one look counts for at most ``longestStep``, so a watcher that was itself
/// suspended (SIGSTOP, a sleeping laptop) does not mistake its own absence for everybody else's.
package struct StalenessObserver: Sendable {
    /// How long a beat may stay the same.
    package let lease: Duration
    /// The most that one interval between two looks counts.
    package let longestStep: Duration

    private struct Sighting {
        var beat: Int64
        var unchanged: Duration
    }

    private var sightings: [WorkerID: Sighting] = [:]
    private var lastLook: ContinuousClock.Instant?

    package init(lease: Duration, longestStep: Duration) {
        precondition(longestStep < lease, "one look must not be able to end a lease")
        self.lease = lease
        self.longestStep = longestStep
    }

    /// Takes the beats that are written down now; workers not among them are forgotten.
    ///
    /// - Parameter now: the watcher's monotonic clock.
    /// - Returns: the workers to be declared lost.
    package mutating func look(at beats: [WorkerID: Int64], now: ContinuousClock.Instant) -> [WorkerID] {
        let step = lastLook.map { min(max($0.duration(to: now), .zero), longestStep) } ?? .zero
        lastLook = now
        sightings = sightings.filter { beats[$0.key] != nil }
        var stale: [WorkerID] = []
        for (worker, beat) in beats {
            guard var sighting = sightings[worker], sighting.beat == beat else {
                sightings[worker] = Sighting(beat: beat, unchanged: .zero)
                continue
            }
            sighting.unchanged += step
            sightings[worker] = sighting
            if sighting.unchanged >= lease { stale.append(worker) }
        }
        return stale.sorted()
    }
}
