import Testing

@testable import millrace

@Suite struct `The terminal` {
    @Test func `counts a Hangul syllable as two columns`() {
        #expect("abc".columns == 3)
        #expect("볼트".columns == 4)
        #expect("e\u{301}".columns == 1)
    }

    @Test func `shortens to the columns that there are`() {
        #expect("stainless".shortened(to: 20) == "stainless")
        #expect("stainless".shortened(to: 5) == "stai…")
        #expect("육각 볼트".shortened(to: 6).columns <= 6)
        #expect("  one two three".wrapped(to: 9, hanging: 3) == ["  one two", "   three"])
        #expect("육각 볼트 unbreakable".wrapped(to: 6, hanging: 0) == ["육각", "볼트", "unbreakable"])
        #expect("".wrapped(to: 6, hanging: 2) == [""])
    }

    @Test func `aligns columns and gives way in the last`() {
        var table = TextTable([("key", .left), ("rows", .right), ("text", .left)])
        table.add(["a", "1", "short"])
        table.add(["볼트", "1,000", String(repeating: "long ", count: 40)])
        let lines = table.lines(width: 40)
        #expect(lines[1] == "a         1  short")
        #expect(lines.allSatisfy { $0.columns <= 40 })
        #expect(lines[2].hasSuffix("…"))
    }

    @Test func `writes numbers in groups and times in words`() {
        #expect(63_112.grouped == "63,112")
        #expect((-1_000_000).grouped == "-1,000,000")
        #expect(7.grouped == "7")
        #expect(43.asDuration == "43 s")
        #expect(1200.asDuration == "20 min")
        #expect(12_000.asDuration == "3 h 20 min")
        #expect(99.2.twoDecimals == "99.20")
        #expect(33.333.twoDecimals == "33.33")
    }
}
