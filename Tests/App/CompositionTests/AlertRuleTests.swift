import Testing

@testable import Composition

@Suite struct `An alert` {
    private let start = ContinuousClock.now

    @Test func `waits until failures repeat`() {
        var rule = AlertRule()
        #expect(rule.look(dead: 4, held: 0, now: start) == nil)
        #expect(rule.look(dead: 5, held: 0, now: start) == 5)
    }

    @Test func `is sent at once for a row that killed its worker`() {
        var rule = AlertRule()
        #expect(rule.look(dead: 0, held: 1, now: start) == 1)
    }

    @Test func `is not repeated for the same failures`() {
        var rule = AlertRule()
        #expect(rule.look(dead: 9, held: 0, now: start) == 9)
        #expect(rule.look(dead: 9, held: 0, now: start + .seconds(3600)) == nil)
    }

    @Test func `of new failures waits for the pause to end`() {
        var rule = AlertRule()
        #expect(rule.look(dead: 9, held: 0, now: start) == 9)
        #expect(rule.look(dead: 30, held: 0, now: start + .seconds(299)) == nil)
        #expect(rule.look(dead: 30, held: 0, now: start + .seconds(300)) == 21)
    }

    @Test func `counts afresh after failures were retried`() {
        var rule = AlertRule()
        #expect(rule.look(dead: 9, held: 0, now: start) == 9)
        #expect(rule.look(dead: 0, held: 0, now: start + .seconds(301)) == nil)
        #expect(rule.look(dead: 5, held: 0, now: start + .seconds(602)) == 5)
    }
}
