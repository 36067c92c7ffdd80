#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A moment in wall-clock time, in microseconds since 1970-01-01T00:00:00Z: what Millrace's tables store.
///
/// It may jump when the machine's clock is set. Nothing that takes work away from a process is decided by it;
/// see ``StalenessObserver``.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.microseconds < right.microseconds
    }

    package static func + (moment: Self, interval: Duration) -> Self {
        Self(microseconds: moment.microseconds + interval.microseconds)
    }

    package static func - (moment: Self, interval: Duration) -> Self {
        Self(microseconds: moment.microseconds - interval.microseconds)
    }

    package static func - (later: Self, earlier: Self) -> Duration {
        .microseconds(later.microseconds - earlier.microseconds)
    }

    /// The system's present wall-clock time.
    package static func now() -> Self {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Self(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}

extension Duration {
    /// The duration in whole microseconds, rounded towards zero.
    package var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    /// The duration in seconds as a floating-point number, for rates and reports.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
