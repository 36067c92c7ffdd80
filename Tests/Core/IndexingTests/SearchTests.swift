import Testing

@testable import Indexing

@Suite struct `Searching` {
    @Test func `the best come first and ties by item`() throws {
        let index = VectorIndex(dimension: 2)
        try index.apply(
            [
                .upsert(30, revision: 1, [1, 0]), .upsert(10, revision: 1, [1, 0]), .upsert(20, revision: 1, [0, 1]),
                .upsert(-5, revision: 1, [-1, 0]),
            ], through: 1)
        #expect(
            try index.search([1, 0], k: 3) == [
                Hit(item: 10, score: 1), Hit(item: 30, score: 1), Hit(item: 20, score: 0),
            ])
    }

    @Test func `an empty index answers with nothing`() throws {
        let index = VectorIndex(dimension: 3)
        #expect(try index.search([1, 0, 0], k: 5).isEmpty)
        #expect(try index.searchMany([[1, 0, 0], [0, 1, 0]], k: 5) == [[], []])
        #expect(try index.searchMany([], k: 5).isEmpty)
        #expect(index.count == 0 && !index.contains(1) && index.vector(of: 1) == nil)
    }

    @Test func `asking for more than there are gives all`() throws {
        let index = try index(of: [[1], [3], [2]], dimension: 1)
        #expect(try index.search([1], k: 10_000).map(\.item) == [1, 2, 0])
    }

    @Test func `zero vectors are vectors like others`() throws {
        let index = try index(of: Array(repeating: [0, 0, 0], count: 100), dimension: 3)
        #expect(try index.search([0, 0, 0], k: 3).map(\.item) == [0, 1, 2])
        #expect(try index.search([1, 2, 3], k: 2) == [Hit(item: 0, score: 0), Hit(item: 1, score: 0)])
    }

    @Test func `a thousand equal vectors come in the order of their items`() throws {
        let index = try index(of: Array(repeating: [0.6, 0.8], count: 1000), dimension: 2)
        #expect(try index.search([0.6, 0.8], k: 70, threads: 3).map(\.item) == Array(0..<70))
    }

    @Test func `scores that float32 cannot tell apart are ordered by their true value`() throws {
        // Each vector is longer than the one before by less than a float32 score shows at this size.
        var vectors: [[Float]] = []
        for step in 0..<200 { vectors.append([1, Float(step) * 0x1p-40]) }
        let index = try index(of: vectors, dimension: 2)
        #expect(try index.search([1, 1], k: 50).map(\.item) == Array((150..<200).reversed().map(Int64.init)))
    }

    @Test(arguments: [1, 10, 64, 1000, 10_000], [1, 2, 5])
    func `any number of hits and threads gives what brute force gives`(k: Int, threads: Int) throws {
        var random = Random(seed: UInt64(k))
        let vectors = (0..<3000).map { _ in random.unitVector(8) }
        let index = try index(of: vectors, dimension: 8, blockCapacity: 256)
        let all = Dictionary(uniqueKeysWithValues: vectors.enumerated().map { (Int64($0), $1) })
        let query = random.unitVector(8)
        #expect(try index.search(query, k: k, threads: threads) == bruteForce(query, in: all, k: k))
    }

    @Test(arguments: [1, 2, 3, 5, 64, 65, 130])
    func `many queries at once give what each gives alone`(queryCount: Int) throws {
        var random = Random(seed: UInt64(queryCount))
        let index = try index(of: (0..<700).map { _ in random.unitVector(19) }, dimension: 19, blockCapacity: 512)
        let queries = (0..<queryCount).map { _ in random.unitVector(19) }
        let alone = try queries.map { try index.search($0, k: 7) }
        #expect(try index.searchMany(queries, k: 7) == alone)
        #expect(try index.searchMany(queries, k: 7, threads: 2) == alone)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude])
    func `a value that is not usable is refused and nothing is applied`(value: Float) throws {
        let index = try index(of: [[1, 0]], dimension: 2)
        let refused = #expect(throws: IndexError.self) {
            try index.apply([.upsert(8, revision: 1, [1, 1]), .upsert(9, revision: 1, [0, value])], through: 2)
        }
        #expect(refused?.code == .notFinite && refused?.item == 9)
        #expect(index.count == 1 && index.position == 1 && !index.contains(8))
        #expect(throws: IndexError.self) { try index.search([value, 0], k: 1) }
    }

    @Test func `another dimension is refused with both numbers in the message`() throws {
        let index = try index(of: [[1, 0]], dimension: 2)
        let refused = #expect(throws: IndexError.self) {
            try index.apply([.remove(0, revision: 2), .upsert(9, revision: 1, [1, 0, 0])], through: 2)
        }
        #expect(refused?.code == .dimension)
        #expect(refused?.message.contains("item 9 has 3 values") == true)
        #expect(refused?.message.contains("vectors of 2") == true)
        #expect(index.contains(0))
        #expect(throws: IndexError.self) { try index.search([1], k: 1) }
    }

    @Test(arguments: [0, -1, 10_001])
    func `a number of hits out of range is refused`(k: Int) throws {
        let index = try index(of: [[1, 0]], dimension: 2)
        let refused = #expect(throws: IndexError.self) { try index.search([1, 0], k: k) }
        #expect(refused?.code == .limit && refused?.isRetryable == false)
    }
}
