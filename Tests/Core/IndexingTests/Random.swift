@testable import Indexing

/// A seeded generator (SplitMix64, Steele, Lea and Flood 2014), so that a failure can be run again.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// Components between −1 and 1.
    mutating func vector(_ dimension: Int) -> [Float] {
        (0..<dimension).map { _ in Float(Int64(bitPattern: next()) >> 40) / Float(1 << 23) }
    }

    /// Unit length as far as float32 goes.
    mutating func unitVector(_ dimension: Int) -> [Float] {
        let vector = vector(dimension)
        let norm = exactDot(vector, vector).squareRoot()
        return norm == 0 ? vector : vector.map { Float(Double($0) / norm) }
    }
}

/// The inner product as `Hit.score` defines it.
func exactDot(_ a: [Float], _ b: [Float]) -> Double {
    var sum = 0.0
    for index in a.indices { sum += Double(a[index]) * Double(b[index]) }
    return sum
}

/// The answer of a search by its definition: every vector scored in double, all sorted.
func bruteForce(_ query: [Float], in vectors: [Int64: [Float]], k: Int) -> [Hit] {
    let hits = vectors.map { Hit(item: $0.key, score: exactDot(query, $0.value)) }
    return Array(hits.sorted { ($1.score, $0.item) < ($0.score, $1.item) }.prefix(k))
}

/// An index of items 0, 1, … with these vectors.
func index(of vectors: [[Float]], dimension: Int, blockCapacity: Int = 16) throws(IndexError) -> VectorIndex {
    let index = VectorIndex(dimension: dimension, blockCapacity: blockCapacity)
    try index.apply(vectors.enumerated().map { .upsert(Int64($0), revision: 1, $1) }, through: 1)
    return index
}
