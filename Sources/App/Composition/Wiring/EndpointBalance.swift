import InferenceRPC

/// Which worker is asked next: the one with the fewest calls under way, in turn among equals; one that failed rests for
/// a moment, longer each time in a row. Decides only; the router acts.
struct EndpointBalance: Sendable {
    static let firstRest: Duration = .seconds(1)
    static let longestRest: Duration = .seconds(30)

    private struct Load {
        var outstanding = 0
        var failures = 0
        var restsUntil: ContinuousClock.Instant?
        /// When it was asked last, counted in calls.
        var turn = 0
    }

    private var loads: [InferenceEndpoint: Load] = [:]
    private var calls = 0

    /// Forgets the places that are gone.
    mutating func keep(only endpoints: Set<InferenceEndpoint>) {
        loads = loads.filter { endpoints.contains($0.key) || $0.value.outstanding > 0 }
    }

    /// The best of those that do not rest; nil where all do.
    func choose(among endpoints: [InferenceEndpoint], now: ContinuousClock.Instant) -> InferenceEndpoint? {
        endpoints.filter { rest(of: $0, now: now) == .zero }.min { left, right in
            let (left, right) = (loads[left] ?? Load(), loads[right] ?? Load())
            return (left.outstanding, left.turn) < (right.outstanding, right.turn)
        }
    }

    /// How long until the first of them may be asked again.
    func shortestRest(among endpoints: [InferenceEndpoint], now: ContinuousClock.Instant) -> Duration {
        endpoints.map { rest(of: $0, now: now) }.min() ?? .zero
    }

    mutating func began(_ endpoint: InferenceEndpoint) {
        calls += 1
        loads[endpoint, default: Load()].outstanding += 1
        loads[endpoint, default: Load()].turn = calls
    }

    /// A call ended. - Parameter failed: the worker did not answer; that it refused a question is no failure.
    mutating func ended(_ endpoint: InferenceEndpoint, failed: Bool, now: ContinuousClock.Instant) {
        guard var load = loads[endpoint] else { return }
        load.outstanding = max(0, load.outstanding - 1)
        if !failed {
            load.failures = 0
            load.restsUntil = nil
        } else if rest(of: endpoint, now: now) == .zero {
            // Calls that were under way together fail together, and that is one failure.
            load.failures += 1
            load.restsUntil = now + min(Self.firstRest * (1 << min(load.failures - 1, 8)), Self.longestRest)
        }
        loads[endpoint] = load
    }

    private func rest(of endpoint: InferenceEndpoint, now: ContinuousClock.Instant) -> Duration {
        guard let until = loads[endpoint]?.restsUntil, until > now else { return .zero }
        return now.duration(to: until)
    }
}
