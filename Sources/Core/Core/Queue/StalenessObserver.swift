/// Decides that somebody (a worker, a leader's term) is gone, by watching its beat on the watcher's own monotonic clock.
///
/// It is stale once the same beat has been seen for a whole lease. Two clocks are never compared, so a clock
/// that jumps takes nobody's work; and one look counts for at most ``longestStep``, so a watcher that was itself
/// suspended (SIGSTOP, a sleeping laptop) does not mistake its own absence for everybody else's.
package struct StalenessObserver<Watched: Hashable & Comparable & Sendable>: Sendable {
    /// How long a beat may stay the same.
    package let lease: Duration
    /// The most that one interval between two looks counts.
    package let longestStep: Duration

    private struct Sighting {
        var beat: Int64
        var unchanged: Duration
    }

    private var sightings: [Watched: Sighting] = [:]
    private var lastLook: ContinuousClock.Instant?

    package init(lease: Duration, longestStep: Duration) {
        precondition(longestStep < lease, "one look must not be able to end a lease")
        self.lease = lease
        self.longestStep = longestStep
    }

    /// Takes the beats that are written down now; who is not among them is forgotten.
    ///
    /// - Parameter now: the watcher's monotonic clock.
    /// - Returns: those to be declared lost.
    package mutating func look(at beats: [Watched: Int64], now: ContinuousClock.Instant) -> [Watched] {
        let step = lastLook.map { min(max($0.duration(to: now), .zero), longestStep) } ?? .zero
        lastLook = now
        sightings = sightings.filter { beats[$0.key] != nil }
        var stale: [Watched] = []
        for (watched, beat) in beats {
            guard var sighting = sightings[watched], sighting.beat == beat else {
                sightings[watched] = Sighting(beat: beat, unchanged: .zero)
                continue
            }
            sighting.unchanged += step
            sightings[watched] = sighting
            if sighting.unchanged >= lease { stale.append(watched) }
        }
        return stale.sorted()
    }
}
