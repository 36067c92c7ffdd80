import Embedding
import Testing

@testable import InferenceOpenVINO

struct PoolStateTests {
    @Test func `bulk callers never get the reserved request`() {
        var pool = PoolState(bulk: 2, reserved: 1)
        #expect(pool.acquire(.bulk, waiter: 1) == 0)
        #expect(pool.acquire(.bulk, waiter: 2) == 1)
        #expect(pool.acquire(.bulk, waiter: 3) == nil)
        #expect(pool.acquire(.interactive, waiter: 4) == 2)
        #expect(pool.release(2) == nil)
        #expect(pool.release(0) == 3)
    }

    @Test func `an interactive caller goes before bulk ones that came earlier`() {
        var pool = PoolState(bulk: 1, reserved: 1)
        _ = pool.acquire(.bulk, waiter: 1)
        _ = pool.acquire(.interactive, waiter: 2)
        #expect(pool.acquire(.bulk, waiter: 3) == nil)
        #expect(pool.acquire(.interactive, waiter: 4) == nil)
        #expect(pool.acquire(.interactive, waiter: 5) == nil)
        #expect(pool.release(0) == 4)
        #expect(pool.release(1) == 5)
        #expect(pool.release(0) == 3)
    }

    @Test func `waiting callers are served in the order they came, however many`() {
        var pool = PoolState(bulk: 1, reserved: 0)
        #expect(pool.acquire(.bulk, waiter: 0) == 0)
        for waiter in 1...500 { #expect(pool.acquire(.bulk, waiter: UInt64(waiter)) == nil) }
        for waiter in 1...500 { #expect(pool.release(0) == UInt64(waiter)) }
        #expect(pool.release(0) == nil)
        #expect(pool.acquire(.interactive, waiter: 501) == 0)
    }

    /// Random use against a model: no request is lent twice, and everyone is served.
    @Test func `no request is ever lent twice`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var pool = PoolState(bulk: 3, reserved: 1)
            var lent: Set<Int> = []
            var waiting: Set<UInt64> = []
            for step in 0..<300 {
                if Bool.random(using: &generator) || lent.isEmpty {
                    let urgency = Bool.random(using: &generator)
                    if let request = pool.acquire(urgency ? .interactive : .bulk, waiter: UInt64(step)) {
                        #expect(lent.insert(request).inserted)
                        #expect(urgency || request < 3)
                    } else {
                        waiting.insert(UInt64(step))
                    }
                } else if let request = lent.randomElement(using: &generator) {
                    if let waiter = pool.release(request) {
                        #expect(waiting.remove(waiter) != nil)
                    } else {
                        lent.remove(request)
                    }
                }
            }
            while let request = lent.first {
                if let waiter = pool.release(request) { waiting.remove(waiter) } else { lent.remove(request) }
            }
            #expect(waiting.isEmpty)
        }
    }
}
