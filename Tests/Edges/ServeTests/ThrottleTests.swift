import Testing

@testable import Serve

@Suite struct `Wrong tokens from an address` {
    private let start = ContinuousClock.now

    private func failing(_ times: Int, _ throttle: inout AttemptThrottle, _ address: String = "a") {
        for _ in 0..<times {
            _ = throttle.begin(address, now: start)
            throttle.end(address, failed: true, now: start)
        }
    }

    @Test func `cost nothing while they are few`() {
        var throttle = AttemptThrottle()
        failing(AttemptThrottle.free - 1, &throttle)
        #expect(throttle.begin("a", now: start) == .check(after: .zero))
    }

    @Test func `cost a pause that grows to a bound`() {
        let pauses = (0...20).map { AttemptThrottle.pause(afterFailures: $0) }
        #expect(pauses == pauses.sorted())
        #expect(pauses[AttemptThrottle.free] == .milliseconds(250))
        #expect(pauses.last == AttemptThrottle.longestPause)
        #expect(AttemptThrottle.pause(afterFailures: .max) == AttemptThrottle.longestPause)
    }

    @Test func `cost other addresses nothing`() {
        var throttle = AttemptThrottle()
        failing(50, &throttle)
        #expect(throttle.begin("b", now: start) == .check(after: .zero))
    }

    @Test func `let few wait at a time, and the places come back`() {
        var throttle = AttemptThrottle()
        failing(AttemptThrottle.free, &throttle)
        for _ in 0..<AttemptThrottle.places {
            #expect(throttle.begin("a", now: start) == .check(after: .milliseconds(250)))
        }
        #expect(throttle.begin("a", now: start) == .refuse(retryAfterSeconds: 4))
        throttle.end("a", failed: false, now: start)
        #expect(throttle.begin("a", now: start) == .check(after: .milliseconds(250)))
    }

    @Test func `are forgotten when there were none for a while`() {
        var throttle = AttemptThrottle()
        failing(20, &throttle)
        let later = start + AttemptThrottle.memory
        #expect(throttle.begin("a", now: later - .seconds(1)) != .check(after: .zero))
        throttle.end("a", failed: false, now: later - .seconds(1))
        #expect(throttle.begin("a", now: later) == .check(after: .zero))
        #expect(throttle.count == 0)
    }

    @Test func `are kept of a bounded number of addresses`() {
        var throttle = AttemptThrottle()
        for number in 0..<(AttemptThrottle.capacity + 100) {
            throttle.end("\(number)", failed: true, now: start + .milliseconds(number))
        }
        #expect(throttle.count == AttemptThrottle.capacity)
    }
}

@Suite struct `A session` {
    private let start = ContinuousClock.now

    @Test func `lasts for its time, or until it is closed`() {
        var sessions = Sessions()
        let id = sessions.open(now: start)
        let other = sessions.open(now: start)
        #expect(id != other)
        #expect(sessions.holds(id, now: start + Sessions.lifetime - .seconds(1)))
        #expect(!sessions.holds(id, now: start + Sessions.lifetime))
        sessions.close(id)
        #expect(!sessions.holds(id, now: start))
        #expect(sessions.holds(other, now: start))
    }

    @Test func `is one of a bounded number`() {
        var sessions = Sessions()
        let first = sessions.open(now: start)
        for second in 1...Sessions.capacity { _ = sessions.open(now: start + .seconds(second)) }
        #expect(sessions.count == Sessions.capacity)
        #expect(!sessions.holds(first, now: start))
        _ = sessions.open(now: start + Sessions.lifetime * 2)
        #expect(sessions.count == 1)
    }
}
