import Testing

@testable import Indexing

@Suite struct `Memory of the index` {
    @Test func `rows cost at most a fifth more than their vectors`() throws {
        var random = Random(seed: 3)
        let index = VectorIndex(dimension: 384, blockCapacity: 256)
        let vector = random.unitVector(384)
        for first in stride(from: 0, to: 10_000, by: 1000) {
            try index.apply((first..<first + 1000).map { .upsert(Int64($0), revision: 1, vector) }, through: 1)
        }
        let block = 256 * (384 * 4 + 32)
        #expect(Double(index.memoryBytes) <= 1.2 * 10_000 * 384 * 4 + Double(block))
    }

    @Test func `replacing items again and again stays within the bound when compacted`() throws {
        // A block of 64 rows of 56 floats fills whole pages.
        let (dimension, capacity, count) = (56, 64, 2000)
        let index = VectorIndex(dimension: dimension, blockCapacity: capacity)
        var random = Random(seed: 4)
        var latest: [Int64: [Float]] = [:]
        for revision in Int64(1)...40 {
            let items = (0..<Int64(count)).shuffled(using: &random).prefix(revision == 1 ? count : 500)
            let group = items.map { ($0, random.unitVector(dimension)) }
            latest.merge(group) { $1 }
            try index.apply(group.map { .upsert($0, revision: revision, $1) }, through: revision)
            while index.compact(budgetRows: 100) > 0 {}
        }
        let row = dimension * 4 + 32
        // An eighth of the rows may be dead; the tail and the block that was being emptied are not counted in it.
        #expect(index.memoryBytes <= count * row * 8 / 7 + count * 12 + 2 * capacity * row)
        let query = random.unitVector(dimension)
        #expect(try index.search(query, k: 30) == bruteForce(query, in: latest, k: 30))
    }

    @Test func `a step moves no more rows than its budget and answers stay as they were`() throws {
        var random = Random(seed: 5)
        let vectors = (0..<640).map { _ in random.unitVector(12) }
        let index = try index(of: vectors, dimension: 12, blockCapacity: 64)
        try index.apply((0..<640).filter { $0 % 3 != 0 }.map { .remove(Int64($0), revision: 2) }, through: 2)
        let query = random.unitVector(12)
        let before = try index.search(query, k: 300)
        index.forgetRemovals(through: 2)
        let bytes = index.memoryBytes
        var moves: [Int] = []
        while true {
            let moved = index.compact(budgetRows: 10)
            if moved == 0 { break }
            moves.append(moved)
            #expect(try index.search(query, k: 300) == before)
        }
        #expect(moves.allSatisfy { $0 <= 10 } && moves.count > 10)
        #expect(index.memoryBytes < bytes / 2)
        #expect(index.position == 2)
    }

    @Test func `blocks whose rows are all gone are let go at once`() throws {
        let index = try index(of: (0..<640).map { [Float($0)] }, dimension: 1, blockCapacity: 64)
        let full = index.memoryBytes
        try index.apply((0..<640).map { .remove(Int64($0), revision: 2) }, through: 2)
        #expect(index.reader().view.layout.blocks.allSatisfy { $0 == nil })
        index.forgetRemovals(through: 2)
        #expect(index.memoryBytes < full)
        #expect(index.compact() == 0)
    }

    @Test func `a removal is remembered until it is forgotten`() throws {
        let index = VectorIndex(dimension: 1)
        try index.apply([.remove(1, revision: 5)], through: 10)
        try index.apply([.upsert(1, revision: 5, [1])], through: 11)
        #expect(!index.contains(1))
        index.forgetRemovals(through: 9)
        try index.apply([.upsert(1, revision: 4, [1])], through: 12)
        #expect(!index.contains(1))
        index.forgetRemovals(through: 10)
        try index.apply([.upsert(1, revision: 4, [1])], through: 13)
        #expect(index.contains(1))
    }

    @Test func `a group without news makes no version but moves the position`() throws {
        let index = try index(of: [[1], [2]], dimension: 1)
        let version = index.version
        try index.apply([.upsert(0, revision: 1, [9])], through: 7)
        try index.apply([Change](), through: 5)
        #expect(index.version == version && index.position == 7)
        #expect(index.vector(of: 0) == [1])
    }

    @Test func `growth moves no vector`() throws {
        let index = try index(of: [[1]], dimension: 1, blockCapacity: 16)
        let first = index.reader().view.layout.blocks[0]
        try index.apply((1..<500).map { .upsert(Int64($0), revision: 1, [2]) }, through: 2)
        #expect(index.reader().view.layout.blocks[0] === first)
        #expect(first?.vectors[0] == 1)
    }
}
