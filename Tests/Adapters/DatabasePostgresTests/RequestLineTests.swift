import Testing

@testable import DatabasePostgres

@Suite struct RequestLineTests {
    var line = RequestLine(threads: 2)
    let tickets = [Ticket(), Ticket(), Ticket()]

    private func request() -> Request {
        Request(.read, run: { _ in {} }, fail: { _ in })
    }

    /// What `thread` gets to serve next.
    private mutating func served(by thread: Int) -> Request? {
        if case .serve(let request, _) = line.next(for: thread) { request } else { nil }
    }

    @Test mutating func `threads start as requests come, and no more than there may be`() {
        #expect(line.admit(request(), ticket: tickets[0].id) == .start(1))
        #expect(line.admit(request(), ticket: tickets[1].id) == .start(2))
        #expect(line.admit(request(), ticket: tickets[2].id) == .waits)
    }

    @Test mutating func `the thread that went idle last is woken first`() {
        _ = line.admit(request(), ticket: tickets[0].id)
        _ = line.admit(request(), ticket: tickets[1].id)
        for thread in [1, 2, 2, 1] { _ = line.next(for: thread) }
        #expect(line.admit(request(), ticket: tickets[0].id) == .wake(1))
        #expect(line.admit(request(), ticket: tickets[1].id) == .wake(2))
    }

    @Test mutating func `requests leave in the order of their arrival`() {
        let requests = [request(), request()]
        for (request, ticket) in zip(requests, tickets) { _ = line.admit(request, ticket: ticket.id) }
        let served = [served(by: 1), served(by: 2)]
        #expect(served[0] === requests[0] && served[1] === requests[1])
    }

    @Test mutating func `an idle thread may end, and another starts for the next request`() {
        _ = line.admit(request(), ticket: tickets[0].id)
        var ended = [line.retire(1)]
        _ = line.next(for: 1)
        ended.append(line.retire(1))
        _ = line.next(for: 1)
        ended += [line.retire(1), line.retire(1)]
        #expect(ended == [false, false, true, false])
        #expect(line.admit(request(), ticket: tickets[1].id) == .start(2))
    }

    @Test mutating func `a woken thread does not end before it has looked`() {
        _ = line.admit(request(), ticket: tickets[0].id)
        _ = line.next(for: 1)
        _ = line.next(for: 1)
        #expect(line.admit(request(), ticket: tickets[1].id) == .wake(1))
        let mayEnd = line.retire(1)
        #expect(!mayEnd)
    }

    @Test mutating func `a request that waits can be withdrawn, also before it arrives`() {
        let request = request()
        _ = line.admit(request, ticket: tickets[0].id)
        #expect(line.withdraw(tickets[0].id) === request)
        #expect(line.withdraw(tickets[1].id) == nil)
        #expect(line.admit(self.request(), ticket: tickets[1].id) == .cancelled)
        line.forget(tickets[1].id)
        #expect(line.admit(self.request(), ticket: tickets[1].id) == .start(2))
    }

    @Test mutating func `a closed line admits no more, serves what waits and ends its threads`() {
        _ = line.admit(request(), ticket: tickets[0].id)
        _ = line.next(for: 1)
        _ = line.next(for: 1)
        _ = line.admit(request(), ticket: tickets[0].id)
        #expect(line.close() == [])
        #expect(line.admit(request(), ticket: tickets[1].id) == .closed)
        #expect(served(by: 1) != nil)
        guard case .end = line.next(for: 1) else {
            Issue.record("the thread goes on")
            return
        }
    }

    @Test func `pauses before the next connection double and end at the longest`() {
        var backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
        var pauses: [Duration] = []
        for jitter in [0, 0, 0, 0, 0, 0.5] { pauses.append(backoff.failed(jitter: jitter)) }
        #expect(pauses == [50, 100, 200, 400, 500, 750].map { .milliseconds($0) })
        backoff.succeeded()
        let again = backoff.failed(jitter: 0)
        #expect(again == .milliseconds(50))
    }
}
