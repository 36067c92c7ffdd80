import Testing

@testable import DatabaseSQLite

@Suite struct RequestLineTests {
    var line = RequestLine()
    let tickets = [Ticket(), Ticket(), Ticket()]

    private func request(_ kind: Request.Kind = .transaction) -> Request {
        Request(kind, run: { _ in {} }, fail: { _ in })
    }

    private func ticket(_ index: Int) -> ObjectIdentifier { ObjectIdentifier(tickets[index]) }

    @Test mutating func `requests leave in the order of their arrival`() {
        let (first, second) = (request(), request())
        #expect(line.admit(first, ticket: ticket(0)) == .admitted)
        #expect(line.admit(second, ticket: ticket(1)) == .admitted)
        #expect(line.take(.transaction) === first)
        #expect(line.take(.transaction) === second)
        #expect(line.take(.transaction) == nil)
    }

    @Test mutating func `a checkpoint waits for its place and holds up what came after it`() {
        _ = line.admit(request(.alone), ticket: ticket(0))
        _ = line.admit(request(), ticket: ticket(1))
        #expect(line.take(.transaction) == nil)
        #expect(line.next == .alone)
        #expect(line.take(.alone) != nil)
        #expect(line.take(.transaction) != nil)
    }

    @Test mutating func `a request that waits can be withdrawn, one that was taken cannot`() {
        let (first, second) = (request(), request())
        _ = line.admit(first, ticket: ticket(0))
        _ = line.admit(second, ticket: ticket(1))
        #expect(line.withdraw(ticket(1)) === second)
        #expect(line.take(.transaction) === first)
        #expect(line.withdraw(ticket(0)) == nil)
        #expect(line.isEmpty)
    }

    @Test mutating func `a submission cancelled before it arrives is not admitted`() {
        #expect(line.withdraw(ticket(0)) == nil)
        #expect(line.admit(request(), ticket: ticket(0)) == .cancelled)
        #expect(line.isEmpty)
    }

    @Test mutating func `those that ran in vain come first again`() {
        let (first, second, third) = (request(), request(), request())
        _ = line.admit(first, ticket: ticket(0))
        _ = line.admit(second, ticket: ticket(1))
        _ = line.admit(third, ticket: ticket(2))
        _ = line.take(.transaction)
        _ = line.take(.transaction)
        line.putBack([first, second])
        #expect(line.drain().map(ObjectIdentifier.init) == [first, second, third].map(ObjectIdentifier.init))
    }

    @Test mutating func `only those that waited too long expire`() {
        let early = request()
        let middle = ContinuousClock().now
        let late = request()
        _ = line.admit(early, ticket: ticket(0))
        _ = line.admit(late, ticket: ticket(1))
        #expect(line.expire(before: middle).map(ObjectIdentifier.init) == [ObjectIdentifier(early)])
        #expect(line.take(.transaction) === late)
    }

    @Test mutating func `a closed line admits no more and serves what waits`() {
        _ = line.admit(request(), ticket: ticket(0))
        line.close()
        #expect(line.admit(request(), ticket: ticket(1)) == .closed)
        #expect(line.take(.transaction) != nil)
    }
}
