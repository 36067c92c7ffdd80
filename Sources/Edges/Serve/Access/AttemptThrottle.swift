/// Makes guessing slow without locking anybody out: after a few wrong tokens from an address, the next one from there is
/// looked at only after a pause, which grows, and few may wait at a time.
///
/// A lockout would let a stranger keep out everyone who shares the address, and behind a proxy that is everyone.
struct AttemptThrottle: Sendable {
    enum Answer: Equatable, Sendable {
        /// Look at the token after this long.
        case check(after: Duration)
        /// Too many wait already: refuse unseen.
        case refuse(retryAfterSeconds: Int)
    }

    /// Wrong tokens that cost nothing yet: people mistype.
    static let free = 5
    static let longestPause: Duration = .seconds(4)
    /// Attempts from one address that may wait at a time.
    static let places = 4
    /// Wrong tokens are forgotten this long after the last one.
    static let memory: Duration = .seconds(300)
    /// The most addresses that are remembered; beyond, the one that was quiet longest is forgotten.
    static let capacity = 4096

    private struct Record {
        var failures = 0
        var waiting = 0
        var last: ContinuousClock.Instant
    }

    private var records: [String: Record] = [:]

    var count: Int { records.count }

    /// An attempt arrives. What is answered with ``Answer/check(after:)`` is ended by ``end(_:failed:now:)``.
    mutating func begin(_ address: String, now: ContinuousClock.Instant) -> Answer {
        guard var record = records[address] else { return .check(after: .zero) }
        if record.waiting == 0, record.last + Self.memory <= now {
            records[address] = nil
            return .check(after: .zero)
        }
        let pause = Self.pause(afterFailures: record.failures)
        guard pause == .zero || record.waiting < Self.places else {
            return .refuse(retryAfterSeconds: Int(Self.longestPause.components.seconds))
        }
        record.waiting += 1
        records[address] = record
        return .check(after: pause)
    }

    /// The attempt was looked at, or given up (which counts as nothing).
    mutating func end(_ address: String, failed: Bool, now: ContinuousClock.Instant) {
        if var record = records[address] {
            record.waiting = max(0, record.waiting - 1)
            if failed {
                record.failures += 1
                record.last = now
            }
            records[address] = record
        } else if failed {
            makeRoom()
            records[address] = Record(failures: 1, last: now)
        }
    }

    static func pause(afterFailures failures: Int) -> Duration {
        guard failures >= free else { return .zero }
        return min(.milliseconds(250) * (1 << min(failures - free, 8)), longestPause)
    }

    private mutating func makeRoom() {
        guard records.count >= Self.capacity else { return }
        let quiet = records.filter { $0.value.waiting == 0 }.min { $0.value.last < $1.value.last }
        if let quiet { records[quiet.key] = nil }
    }
}
