import Embedding
import Synchronization

/// Who may use which infer request, decided purely. Requests are numbered; `bulk` of them serve anyone, the others are
/// reserved for interactive callers, so that these never wait for bulk work.
struct PoolState {
    private var freeBulk: [Int]
    private var freeReserved: [Int]
    private let bulk: Int
    private var bulkWaiters = WaiterQueue()
    private var interactiveWaiters = WaiterQueue()

    /// Requests `0..<bulk` serve anyone, the next `reserved` ones interactive callers only.
    init(bulk: Int, reserved: Int) {
        self.bulk = bulk
        freeBulk = Array((0..<bulk).reversed())
        freeReserved = Array((bulk..<bulk + reserved).reversed())
    }

    /// A request to use now; nil means that `waiter` is queued and ``release(_:)`` will name it.
    mutating func acquire(_ urgency: Urgency, waiter: UInt64) -> Int? {
        if urgency == .interactive, let request = freeReserved.popLast() { return request }
        if let request = freeBulk.popLast() { return request }
        switch urgency {
        case .interactive: interactiveWaiters.append(waiter)
        case .bulk: bulkWaiters.append(waiter)
        }
        return nil
    }

    /// Gives a request back and answers the waiter that has it now, if any: interactive ones first, then in turn.
    mutating func release(_ request: Int) -> UInt64? {
        if let waiter = interactiveWaiters.popFirst() { return waiter }
        guard request < bulk else {
            freeReserved.append(request)
            return nil
        }
        if let waiter = bulkWaiters.popFirst() { return waiter }
        freeBulk.append(request)
        return nil
    }
}

/// First in, first out; O(1) amortised.
private struct WaiterQueue {
    private var items: [UInt64] = []
    private var head = 0

    mutating func append(_ waiter: UInt64) { items.append(waiter) }

    mutating func popFirst() -> UInt64? {
        guard head < items.count else { return nil }
        defer {
            head += 1
            if head > 64, head * 2 > items.count {
                items.removeFirst(head)
                head = 0
            }
        }
        return items[head]
    }
}

/// The infer requests of an embedder, lent one batch at a time. Waiting callers are served in the order they came; a call
/// keeps only a few batches waiting, so that several calls share the requests about equally.
final class RequestPool: Sendable {
    private let requests: [InferRequest]
    private let state: Mutex<Shared>

    private struct Shared {
        var pool: PoolState
        var waiting: [UInt64: CheckedContinuation<Int, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    init(bulk: [InferRequest], reserved: [InferRequest]) {
        requests = bulk + reserved
        state = Mutex(Shared(pool: PoolState(bulk: bulk.count, reserved: reserved.count)))
    }

    /// Lends a request for the time of `body`. A waiting caller that is cancelled is served all the same, and soon: every
    /// batch is bounded.
    func withRequest(
        _ urgency: Urgency, _ body: (InferRequest) async throws(EmbeddingError) -> Void
    ) async throws(EmbeddingError) {
        let index = await withCheckedContinuation { continuation in
            let index = state.withLock { shared -> Int? in
                let waiter = shared.nextWaiter
                shared.nextWaiter += 1
                let index = shared.pool.acquire(urgency, waiter: waiter)
                if index == nil { shared.waiting[waiter] = continuation }
                return index
            }
            if let index { continuation.resume(returning: index) }
        }
        defer {
            let next = state.withLock { shared in
                shared.pool.release(index).flatMap { shared.waiting.removeValue(forKey: $0) }
            }
            next?.resume(returning: index)
        }
        try await body(requests[index])
    }
}
