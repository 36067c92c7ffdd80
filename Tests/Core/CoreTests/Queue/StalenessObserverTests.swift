import Core
import Testing

struct StalenessObserverTests {
    let start = ContinuousClock.now
    let worker = WorkerID(1)
    let other = WorkerID(2)

    private func observer() -> Watch { Watch() }

    /// The observer by reference, so that an expectation can ask it.
    private final class Watch {
        private var observer = StalenessObserver<WorkerID>(lease: .seconds(4), longestStep: .seconds(1))

        func look(at beats: [WorkerID: Int64], now: ContinuousClock.Instant) -> [WorkerID] {
            observer.look(at: beats, now: now)
        }
    }

    @Test func `the same beat for a whole lease is stale, and for less is not`() {
        let observer = observer()
        for tick in 0..<8 {
            #expect(observer.look(at: [worker: 5], now: start + .milliseconds(500 * tick)) == [])
        }
        #expect(observer.look(at: [worker: 5], now: start + .seconds(4)) == [worker])
    }

    @Test func `a beat starts the lease anew`() {
        let observer = observer()
        for tick in 0..<100 {
            #expect(observer.look(at: [worker: Int64(tick / 7)], now: start + .milliseconds(500 * tick)) == [])
        }
    }

    @Test func `any other number is a beat, a smaller one too`() {
        let observer = observer()
        for tick in 0..<100 {
            #expect(observer.look(at: [worker: Int64(-tick)], now: start + .seconds(tick)) == [])
        }
    }

    @Test func `a suspended observer has not waited while it was away`() {
        let observer = observer()
        #expect(observer.look(at: [worker: 5], now: start) == [])
        #expect(observer.look(at: [worker: 5], now: start + .seconds(86_400)) == [])
        #expect(observer.look(at: [worker: 5], now: start + .seconds(2 * 86_400)) == [])
        #expect(observer.look(at: [worker: 5], now: start + .seconds(3 * 86_400)) == [])
        #expect(observer.look(at: [worker: 5], now: start + .seconds(4 * 86_400)) == [worker])
    }

    @Test func `a clock that runs backwards counts for nothing`() {
        let observer = observer()
        for tick in 0..<50 {
            #expect(observer.look(at: [worker: 5], now: start - .seconds(tick)) == [])
        }
    }

    @Test func `a first look declares nobody lost`() {
        let observer = observer()
        #expect(observer.look(at: [worker: 5, other: 9], now: start + .seconds(86_400)) == [])
    }

    @Test func `a worker that comes late has a whole lease`() {
        let observer = observer()
        for tick in 0..<4 { #expect(observer.look(at: [worker: 5], now: start + .seconds(tick)) == []) }
        #expect(observer.look(at: [worker: 5, other: 1], now: start + .seconds(4)) == [worker])
        for tick in 5..<8 { #expect(observer.look(at: [other: 1], now: start + .seconds(tick)) == []) }
        #expect(observer.look(at: [other: 1], now: start + .seconds(8)) == [other])
    }

    @Test func `a worker that left the table is forgotten`() {
        let observer = observer()
        for tick in 0..<4 { _ = observer.look(at: [worker: 5], now: start + .seconds(tick)) }
        #expect(observer.look(at: [:], now: start + .seconds(4)) == [])
        #expect(observer.look(at: [worker: 5], now: start + .seconds(5)) == [])
    }

    @Test func `a stale worker is named until it is gone, all of them in order`() {
        let observer = observer()
        for tick in 0..<4 { _ = observer.look(at: [other: 1, worker: 5], now: start + .seconds(tick)) }
        #expect(observer.look(at: [other: 1, worker: 5], now: start + .seconds(4)) == [worker, other])
        #expect(observer.look(at: [other: 1, worker: 5], now: start + .seconds(5)) == [worker, other])
    }

    @Test func `one look must not be able to end a lease`() async {
        await #expect(processExitsWith: .failure) {
            _ = StalenessObserver<WorkerID>(lease: .seconds(1), longestStep: .seconds(1))
        }
    }
}
