import Testing

@testable import Sources

struct MomentTextTests {
    @Test(arguments: [
        ("1970-01-01", Int64(0)), ("1970-01-01 00:00:01", 1_000_000), ("1969-12-31T23:59:59.999999Z", -1),
        ("2026-01-31 12:34", 1_769_862_840_000_000), ("2026-01-31 12:34:56.7", 1_769_862_896_700_000),
        ("2026-01-31 12:34:56-00:30", 1_769_864_696_000_000), ("2026-01-31 12:34:56+09", 1_769_830_496_000_000),
        ("0001-01-01", -62_135_596_800_000_000), ("9999-12-31 23:59:59.999999", 253_402_300_799_999_999),
        ("2000-02-29", 951_782_400_000_000),
    ])
    func `a moment is read to the microsecond`(_ text: String, _ microseconds: Int64) {
        #expect(MomentText.microseconds(text) == microseconds)
        #expect(MomentText.microseconds(MomentText.text(microseconds: microseconds)) == microseconds)
    }

    @Test(arguments: [
        "", "now", "2026", "2026-13-01", "2026-00-10", "2026-02-30", "1900-02-29", "2026-1-1", "2026-01-31 24:00",
        "2026-01-31 12:60", "2026-01-31 12:34:56.", "2026-01-31 12:34:56.1234567", "2026-01-31 12:34:56 ",
        "2026-01-31  12:34", "12:34:56", "2461072.5", "２026-01-31", "2026-01-31 12:34:56+", "+2026-01-31",
    ])
    func `what is no moment is not taken for one`(_ text: String) {
        #expect(MomentText.microseconds(text) == nil)
    }

    @Test func `every day of four centuries comes back`() {
        for day in stride(from: Int64(-100_000), through: 46_097, by: 1) {
            let microseconds = day * 86_400_000_000 + 1
            #expect(MomentText.microseconds(MomentText.text(microseconds: microseconds)) == microseconds)
        }
    }

    @Test func `a day alone is told from a moment`() {
        #expect(MomentText.isDay("2026-01-31"))
        #expect(!MomentText.isDay("2026-01-31 00:00"))
        #expect(!MomentText.isDay("2026-02-31"))
    }
}
