/// How long to wait before the next try to connect, as a value: it doubles with each failure in a row.
struct Backoff {
    private(set) var failures = 0
    private let first: Duration
    private let longest: Duration

    init(first: Duration = .milliseconds(50), longest: Duration = .seconds(2)) {
        self.first = first
        self.longest = longest
    }

    mutating func succeeded() {
        failures = 0
    }

    /// - Parameter jitter: a random number in 0..<1, for the spread over the pause's upper half.
    mutating func failed(jitter: Double) -> Duration {
        let full = min(first * (1 << min(failures, 20)), longest)
        failures += 1
        return full / 2 + full / 2 * jitter
    }
}
