import Testing

@testable import Indexing

private let names = ["scalar", "avx2", "avx512"]
private let kernels = names.compactMap { ScanKernel(named: $0) }

@Suite struct `Scan kernels` {
    @Test func `the portable kernel is always there and unknown names are not`() {
        #expect(ScanKernel(named: "scalar")?.name == "scalar")
        #expect(ScanKernel(named: "abacus") == nil)
        #expect(names.contains(ScanKernel.best.name))
    }

    #if arch(x86_64)
    @Test func `the best kernel is the last one that this processor runs`() {
        #expect(ScanKernel.best.name == kernels.last?.name)
    }
    #endif

    @Test(arguments: Array(1...200) + [384, 768, 1000, 1024])
    func `every kernel stays within its error bound for every dimension and row count`(dimension: Int) throws {
        var random = Random(seed: UInt64(dimension))
        let vectors = (0..<9).map { _ in random.vector(dimension) }
        let queries = (0..<6).map { _ in random.vector(dimension) }
        let truth = queries.map { query in vectors.map { exactDot(query, $0) } }
        let norms = [queries, vectors].map { $0.map { exactDot($0, $0).squareRoot() } }
        for kernel in kernels {
            for (count, used) in [(1, 1), (2, 6), (3, 3), (4, 4), (5, 1), (6, 2), (7, 5), (8, 1), (9, 6)] {
                let found = scores(kernel, Array(queries.prefix(used)), Array(vectors.prefix(count)))
                for (query, row) in (0..<used).flatMap({ query in (0..<count).map { (query, $0) } }) {
                    let bound = kernel.errorBound(
                        dimension: dimension, queryNorm: norms[0][query], rowNorm: norms[1][row])
                    try #require(
                        abs(Double(found[query][row]) - truth[query][row]) <= bound,
                        "\(kernel.name), query \(query) of \(used), row \(row) of \(count)")
                }
            }
        }
    }

    @Test func `no kernel reads past the last float`() {
        // What lies behind the rows and queries is NaN, which would show in every score that touched it.
        for kernel in kernels {
            for dimension in 1...70 {
                let rows = Array(repeating: Float(1), count: 5 * dimension) + Array(repeating: .nan, count: 80)
                for queryCount in 1...5 {
                    let queries = Array(repeating: Float(1), count: queryCount * dimension)
                    let padded = queries + Array(repeating: .nan, count: 80)
                    var scores = Array(repeating: Float(0), count: 5 * queryCount)
                    kernel.dots(
                        queries: padded, queryCount: queryCount, rows, count: 5, dimension: dimension, into: &scores)
                    #expect(scores.allSatisfy { $0 == Float(dimension) }, "\(kernel.name) \(dimension)")
                    kernel.dots(padded, rows, count: 5, dimension: dimension, into: &scores)
                    #expect(scores.prefix(5).allSatisfy { $0 == Float(dimension) }, "\(kernel.name) \(dimension)")
                }
            }
        }
    }

    @Test func `each kernel gives the same answer to a search`() throws {
        var random = Random(seed: 7)
        let vectors = (0..<300).map { _ in random.unitVector(37) }
        let query = random.unitVector(37)
        let truth = bruteForce(
            query, in: .init(uniqueKeysWithValues: vectors.enumerated().map { (Int64($0), $1) }), k: 20)
        for kernel in kernels {
            let index = VectorIndex(dimension: 37, blockCapacity: 64, kernel: kernel)
            try index.apply(vectors.enumerated().map { .upsert(Int64($0), revision: 1, $1) }, through: 1)
            #expect(try index.search(query, k: 20) == truth, "\(kernel.name)")
        }
    }

    /// Scores by query and row, laid out one float off any alignment; a lone query takes the kernel for one.
    private func scores(_ kernel: ScanKernel, _ queries: [[Float]], _ vectors: [[Float]]) -> [[Float]] {
        let dimension = vectors[0].count
        var flat = Array(repeating: Float(0), count: queries.count * vectors.count)
        ([9] + queries.joined()).withUnsafeBufferPointer { queryValues in
            ([9] + vectors.joined()).withUnsafeBufferPointer { values in
                let rows = values.baseAddress! + 1
                if queries.count == 1 {
                    kernel.dots(
                        queryValues.baseAddress! + 1, rows, count: vectors.count, dimension: dimension, into: &flat)
                } else {
                    kernel.dots(
                        queries: queryValues.baseAddress! + 1, queryCount: queries.count, rows, count: vectors.count,
                        dimension: dimension, into: &flat)
                }
            }
        }
        return queries.indices.map { Array(flat[$0 * vectors.count..<($0 + 1) * vectors.count]) }
    }
}
