import Testing

@testable import Sources

struct ClaimSizeTests {
    @Test func `a claim is what the model gets through in the time, by halves and doubles`() {
        var size = ClaimSize(most: 512, time: .seconds(1))
        #expect(size.rows == 128)
        size.note(128, took: .seconds(1.9))
        #expect(size.rows == 64)
        size.note(64, took: .seconds(0.6))
        #expect(size.rows == 64)
        size.note(64, took: .seconds(0.5))
        #expect(size.rows == 128)
        size.note(128, took: .seconds(4))
        #expect(size.rows == 32)
    }

    @Test func `what was set is halved as it is`() {
        var size = ClaimSize(most: 300, time: .seconds(1))
        #expect(size.rows == 75)
        for _ in 0..<3 { size.note(size.rows, took: .milliseconds(1)) }
        #expect(size.rows == 300)
    }

    @Test func `it grows to twice as much at once at most, and never beyond what was set`() {
        var size = ClaimSize(most: 512, time: .seconds(1))
        var sizes: [Int] = []
        for _ in 0..<4 {
            sizes.append(size.rows)
            size.note(size.rows, took: .milliseconds(1))
        }
        #expect(sizes == [128, 256, 512, 512])
    }

    @Test func `a few rows, or a small size that was set, change nothing`() {
        var size = ClaimSize(most: 512, time: .seconds(1))
        size.note(1, took: .seconds(2))
        #expect(size.rows == 128)
        var small = ClaimSize(most: 3, time: .seconds(1))
        small.note(3, took: .seconds(90))
        #expect(small.rows == 3)
    }

    @Test func `however slow the model, a claim is no single row`() {
        var size = ClaimSize(most: 512, time: .seconds(1))
        size.note(128, took: .seconds(600))
        #expect(size.rows == 32)
    }
}
