import Core
import Testing

struct TimestampTests {
    @Test func `durations are added in whole microseconds`() {
        let moment = Timestamp(microseconds: 1_000)
        #expect(moment + .microseconds(5) == Timestamp(microseconds: 1_005))
        #expect(moment - .milliseconds(2) == Timestamp(microseconds: -1_000))
        #expect(moment + .nanoseconds(1_999) == Timestamp(microseconds: 1_001))
        #expect(Timestamp(microseconds: 3) - Timestamp(microseconds: 10) == .microseconds(-7))
    }

    @Test func `a duration is rounded towards zero`() {
        #expect(Duration.nanoseconds(1_999).microseconds == 1)
        #expect(Duration.nanoseconds(-1_999).microseconds == -1)
        #expect(Duration.seconds(-1.5).microseconds == -1_500_000)
        #expect(Duration.milliseconds(-250).seconds == -0.25)
    }

    @Test func `moments are ordered, those before 1970 too`() {
        #expect(Timestamp(microseconds: -1) < Timestamp(microseconds: 0))
        #expect(Timestamp(microseconds: 0) < Timestamp(microseconds: 1))
    }

    @Test func `the system's clock is in this century and goes on`() {
        let first = Timestamp.now()
        let second = Timestamp.now()
        #expect(first.microseconds > 946_684_800_000_000)
        #expect(first <= second)
    }

    @Test func `an identity prints as its number and sorts by it`() {
        #expect("\(WorkerID(12))" == "12")
        #expect(SourceID(2) < SourceID(10))
    }
}
