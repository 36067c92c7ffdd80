import Testing

@testable import Indexing

/// The index as a dictionary: what it must answer, without how.
private struct Model {
    var present: [Int64: (revision: Int64, vector: [Float])] = [:]
    var removed: [Int64: Int64] = [:]
    var position: Int64 = 0

    var vectors: [Int64: [Float]] { present.mapValues(\.vector) }

    mutating func apply(_ changes: [Change], through position: Int64) {
        for change in changes {
            if let known = present[change.item]?.revision ?? removed[change.item], known >= change.revision { continue }
            present[change.item] = nil
            removed[change.item] = nil
            switch change.operation {
            case .upsert(let vector): present[change.item] = (change.revision, vector)
            case .remove: removed[change.item] = change.revision
            }
        }
        self.position = max(self.position, position)
    }
}

@Suite struct `Index beside a model` {
    @Test(arguments: [1, 3, 16, 17, 384, 1000], [UInt64(1), 2])
    func `random groups, old revisions, removals and compactions`(dimension: Int, salt: UInt64) throws {
        let seed = UInt64.random(in: 0..<1_000_000) * 10 + salt
        print("model test: dimension \(dimension), seed \(seed)")
        var random = Random(seed: seed)
        let index = VectorIndex(dimension: dimension, blockCapacity: [8, 32][Int(salt) - 1])
        var model = Model()
        var held: [(reader: Reader, model: Model)] = []
        // Few distinct vectors, so that ties and duplicates are common.
        let palette =
            (0..<12).map { _ in random.vector(dimension) } + [Array(repeating: 0, count: dimension)]
        for step in 1...200 {
            switch random.below(10) {
            case 0:
                let moved = index.compact(budgetRows: 1 + random.below(20))
                #expect(moved <= 20)
            case 1:
                held.append((index.reader(), model))
            default:
                let group = (0..<random.below(20)).map { _ in
                    change(&random, step: step, dimension: dimension, palette: palette)
                }
                try index.apply(group, through: Int64(step))
                model.apply(group, through: Int64(step))
            }
            try compare(index.reader(), model, &random, palette)
        }
        while index.compact(budgetRows: 5) > 0 { try compare(index.reader(), model, &random, palette) }
        for (reader, model) in held { try compare(reader, model, &random, palette) }
    }

    private func change(_ random: inout Random, step: Int, dimension: Int, palette: [[Float]]) -> Change {
        let item = Int64(random.below(60)) - 20
        // Some revisions are older than what is known, some equal.
        let revision = Int64(step / 3 + random.below(8))
        if random.below(3) == 0 { return .remove(item, revision: revision) }
        let fresh = random.below(2) == 0
        return .upsert(
            item, revision: revision, fresh ? random.unitVector(dimension) : palette[random.below(palette.count)])
    }

    private func compare(_ reader: Reader, _ model: Model, _ random: inout Random, _ palette: [[Float]]) throws {
        let queries = [palette[random.below(palette.count)], random.vector(palette[0].count)]
        let k = 1 + random.below(50)
        let truth = queries.map { bruteForce($0, in: model.vectors, k: k) }
        try #require(try reader.search(queries[0], k: k, threads: 1 + random.below(2)) == truth[0])
        try #require(try reader.searchMany(queries, k: k) == truth)
        try #require(reader.count == model.present.count && reader.position == model.position)
        for item in Int64(-21)...41 {
            try #require(reader.vector(of: item) == model.present[item]?.vector)
            try #require(reader.contains(item) == (model.present[item] != nil))
        }
    }
}
