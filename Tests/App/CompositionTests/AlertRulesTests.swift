import Testing

@testable import Composition
@testable import Core

@Suite struct `An alert of failures` {
    private let start = ContinuousClock.now

    @Test func `waits until failures repeat`() {
        var rule = FailureRule()
        #expect(rule.look(dead: 4, held: 0, now: start) == nil)
        #expect(rule.look(dead: 5, held: 0, now: start) == 5)
    }

    @Test func `is sent at once for a row that killed its worker`() {
        var rule = FailureRule()
        #expect(rule.look(dead: 0, held: 1, now: start) == 1)
    }

    @Test func `is not sent for a few failures a day`() {
        var rule = FailureRule()
        for day in 1...30 {
            #expect(rule.look(dead: day * 4, held: 0, now: start + .seconds(day * 86400)) == nil)
        }
        #expect(rule.look(dead: 124, held: 0, now: start + .seconds(30 * 86400 + 599)) == 8)
    }

    @Test func `is not repeated for the same failures`() {
        var rule = FailureRule()
        #expect(rule.look(dead: 9, held: 0, now: start) == 9)
        #expect(rule.look(dead: 9, held: 0, now: start + .seconds(3600)) == nil)
    }

    @Test func `of new failures waits for the pause to end`() {
        var rule = FailureRule()
        #expect(rule.look(dead: 9, held: 0, now: start) == 9)
        #expect(rule.look(dead: 30, held: 0, now: start + .seconds(299)) == nil)
        #expect(rule.look(dead: 30, held: 0, now: start + .seconds(300)) == 21)
    }

    @Test func `counts afresh after failures were retried`() {
        var rule = FailureRule()
        #expect(rule.look(dead: 9, held: 0, now: start) == 9)
        #expect(rule.look(dead: 0, held: 0, now: start + .seconds(301)) == nil)
        #expect(rule.look(dead: 5, held: 0, now: start + .seconds(602)) == 5)
    }
}

@Suite struct `An alert of lost workers` {
    private let start = ContinuousClock.now

    private func worker(_ id: Int64, _ state: String) -> ListedWorker {
        ListedWorker(
            id: WorkerID(id), name: "w\(id)", host: "h", pid: 1, version: nil, state: state,
            beatAt: Timestamp(microseconds: 0), startedAt: Timestamp(microseconds: 0), device: nil, model: nil,
            endpoint: nil, isInModel: false, succeeded: 0, failed: 0, skipped: 0, truncated: 0, rate: 0)
    }

    @Test func `names those that were alive at the look before`() {
        var rule = LossRule()
        #expect(rule.look([worker(1, "lost"), worker(2, "ready")], now: start).isEmpty)
        #expect(rule.look([worker(1, "lost"), worker(2, "lost")], now: start).map(\.name) == ["w2"])
        #expect(rule.look([worker(1, "lost"), worker(2, "lost")], now: start + .seconds(600)).isEmpty)
    }

    @Test func `is quiet where a worker said goodbye`() {
        var rule = LossRule()
        _ = rule.look([worker(1, "ready")], now: start)
        #expect(rule.look([], now: start).isEmpty)
    }

    @Test func `gathers what is lost during the pause`() {
        var rule = LossRule()
        _ = rule.look([worker(1, "ready"), worker(2, "idle"), worker(3, "idle")], now: start)
        #expect(rule.look([worker(1, "lost"), worker(2, "idle"), worker(3, "idle")], now: start).count == 1)
        #expect(rule.look([worker(2, "lost"), worker(3, "idle")], now: start + .seconds(5)).isEmpty)
        #expect(
            rule.look([worker(2, "lost"), worker(3, "lost")], now: start + .seconds(60)).map(\.name) == ["w2", "w3"])
    }
}

@Suite struct `An alert of a long wait` {
    private let start = ContinuousClock.now

    private func line(_ next: Int64?, _ newest: Int64?) -> JobStore.Line {
        JobStore.Line(next: next.map { ID<Job>($0) }, newest: newest.map { ID<Job>($0) })
    }

    @Test func `comes when the next job has waited for the limit`() {
        var rule = QueueAgeRule(limit: .seconds(60))
        #expect(rule.look(line(5, 9), now: start) == nil)
        #expect(rule.look(line(5, 20), now: start + .seconds(59)) == nil)
        #expect(rule.look(line(5, 20), now: start + .seconds(60)) == .seconds(60))
        #expect(rule.look(line(5, 20), now: start + .seconds(61)) == nil)
    }

    @Test func `does not come where the line moves`() {
        var rule = QueueAgeRule(limit: .seconds(60))
        for second in 0..<600 {
            let next = Int64(second * 10)
            #expect(rule.look(line(next, next + 300), now: start + .seconds(second)) == nil)
        }
    }

    @Test func `comes where the line moves too slowly`() {
        var rule = QueueAgeRule(limit: .seconds(60))
        var first: Int?
        for second in 0..<600 where first == nil {
            let next = Int64(second * 10)
            if rule.look(line(next, next + 700), now: start + .seconds(second)) != nil { first = second }
        }
        #expect(first == 60)
    }

    @Test func `forgets the past where nothing waits`() {
        var rule = QueueAgeRule(limit: .seconds(60))
        _ = rule.look(line(5, 9), now: start)
        #expect(rule.look(line(nil, nil), now: start + .seconds(30)) == nil)
        #expect(rule.look(line(12, 12), now: start + .seconds(300)) == nil)
        #expect(rule.look(line(12, 12), now: start + .seconds(360)) == .seconds(60))
    }
}
