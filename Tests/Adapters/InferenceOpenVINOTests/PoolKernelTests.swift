import CKernels
import Testing

struct PoolKernelTests {
    private func pool(_ tokens: [Float], _ dimension: Int, _ count: Int) -> [Float] {
        var out = [Float](repeating: .nan, count: dimension)
        mr_pool_mean_l2(tokens, dimension, count, &out)
        return out
    }

    @Test(arguments: [1, 3, 16, 17, 384])
    func `the mean is normalised, padding left out`(dimension: Int) {
        let tokens = (0..<dimension * 5).map { Float(($0 * 31) % 17) - 8 }
        let out = pool(tokens, dimension, 3)
        let mean = (0..<dimension).map { i in (0..<3).reduce(0.0) { $0 + Double(tokens[$1 * dimension + i]) } / 3 }
        let norm = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
        for i in 0..<dimension { #expect(abs(Double(out[i]) - mean[i] / norm) < 1e-6) }
    }

    @Test func `nothing stays zero instead of not a number`() {
        #expect(pool([0, 0, 0, 0], 2, 2) == [0, 0])
        #expect(pool([1, 2], 2, 0) == [0, 0])
    }
}
