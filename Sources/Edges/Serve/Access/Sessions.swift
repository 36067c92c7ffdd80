import Secrets

/// Who is signed in with a cookie. The cookie holds a random number that means something to this process alone: nothing
/// of the token, and nothing after a restart.
struct Sessions: Sendable {
    /// A day's work; then the token is asked for again.
    static let lifetime: Duration = .seconds(12 * 3600)
    /// The most that are remembered; beyond, the oldest ends.
    static let capacity = 256

    private var ends: [String: ContinuousClock.Instant] = [:]

    var count: Int { ends.count }

    /// Begins a session. - Returns: its identifier, 64 hexadecimal digits.
    mutating func open(now: ContinuousClock.Instant) -> String {
        ends = ends.filter { $0.value > now }
        if ends.count >= Self.capacity, let oldest = ends.min(by: { $0.value < $1.value }) {
            ends[oldest.key] = nil
        }
        let id = Secret.random().reveal()
        ends[id] = now + Self.lifetime
        return id
    }

    func holds(_ id: String, now: ContinuousClock.Instant) -> Bool {
        ends[id].map { $0 > now } ?? false
    }

    mutating func close(_ id: String) {
        ends[id] = nil
    }
}
