import Testing

@testable import InferenceOpenVINO

struct BatchPlanTests {
    @Test func `longest texts come first, and every text once`() {
        let lengths = [3, 9, 1, 9, 4]
        let plan = BatchPlan(lengths: lengths, limit: BatchLimit(texts: 2, tokens: 100))
        #expect(plan.order == [1, 3, 4, 0, 2])
        #expect(plan.batches == [0..<2, 2..<4, 4..<5])
    }

    @Test func `a batch keeps to its tokens, padding included`() {
        let lengths = (0..<500).map { 1 + ($0 * 7919) % 256 }
        let limit = BatchLimit(texts: 32, tokens: 1024)
        let plan = BatchPlan(lengths: lengths, limit: limit)
        #expect(plan.order.sorted() == Array(lengths.indices))
        #expect(plan.batches.flatMap { Array($0) } == Array(lengths.indices))
        for batch in plan.batches {
            let width = lengths[plan.order[batch.lowerBound]]
            #expect(batch.count <= limit.texts && batch.count * width <= limit.tokens)
        }
    }

    @Test func `a text longer than the limit runs alone`() {
        let plan = BatchPlan(lengths: [900, 10], limit: BatchLimit(texts: 8, tokens: 100))
        #expect(plan.batches == [0..<1, 1..<2])
    }

    @Test func `a long text does not pad many short ones, and alike ones stay together`() {
        let lengths = [100] + [Int](repeating: 10, count: 16)
        let plan = BatchPlan(lengths: lengths, limit: BatchLimit(texts: 16, tokens: 10_000))
        #expect(plan.batches == [0..<1, 1..<17])
        let alike = BatchPlan(
            lengths: [11] + [Int](repeating: 10, count: 15), limit: BatchLimit(texts: 16, tokens: 10_000))
        #expect(alike.batches == [0..<16])
    }

    @Test func `few sizes are met, whatever the number of texts`() {
        var sizes: Set<Int> = []
        for count in 1...300 {
            let lengths = (0..<count).map { 5 + ($0 * 7919) % 80 }
            let plan = BatchPlan(lengths: lengths, limit: BatchLimit())
            #expect(plan.batches.map(\.count).reduce(0, +) == count)
            sizes.formUnion(plan.batches.map(\.count))
        }
        #expect(sizes.isSubset(of: [1, 2, 4, 8, 16, 32]))
    }

    @Test func `long widths are rounded up, but not beyond the longest text`() {
        let plan = BatchPlan(lengths: [7, 33, 65, 129, 250], limit: BatchLimit())
        #expect([7, 32, 33, 65, 129, 250].map(plan.width) == [7, 32, 34, 68, 136, 250])
    }

    @Test func `no texts make no batches`() {
        #expect(BatchPlan(lengths: [], limit: BatchLimit()).batches == [])
    }
}
