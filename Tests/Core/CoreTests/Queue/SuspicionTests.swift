import Core
import Testing

struct SuspicionTests {
    @Test func `what a dead worker held is claimed before the rest`() {
        for turn in [2, 4, 8, 10] { #expect(Suspicion.order(turn: turn) == [.some, .strong, .none]) }
        for turn in [3, 5, 7, 11] { #expect(Suspicion.order(turn: turn) == [.strong, .some, .none]) }
    }

    @Test func `each life of a process begins with ordinary work, and comes back to it`() {
        for turn in [1, 9, 17] { #expect(Suspicion.order(turn: turn).first == Suspicion.none) }
    }

    @Test func `every degree has its turn in every claim`() {
        for turn in 1...16 { #expect(Set(Suspicion.order(turn: turn)) == Set(Suspicion.allCases)) }
    }
}
