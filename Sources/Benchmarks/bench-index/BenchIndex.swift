import Foundation
import Indexing

/// Times exact search beside NumPy on the same vectors, in the same run, taking turns.
///
/// The last lines are `ratio NAME VALUE LIMIT`: Millrace over NumPy, below the limit or the process ends with 1.
@main
struct BenchIndex {
    static let rows = 63_000
    static let dimension = 384
    static let k = 10
    static let rounds = 15
    static let perRound = 20
    static let limit = 1.1

    static func main() {
        do {
            exit(try run() ? 0 : 1)
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(2)
        }
    }

    static func run() throws -> Bool {
        guard let python = ProcessInfo.processInfo.environment["MILLRACE_PYTHON"] else {
            throw Failure(message: "MILLRACE_PYTHON names no Python with NumPy: run `make bench`, which prepares one.")
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let queryCount = rounds * perRound
        try Peer.prepare(python: python, ["sample", folder.path, "\(rows)", "\(dimension)", "\(queryCount)", "63"])
        try Peer.prepare(python: python, ["answer", folder.path, "\(dimension)", "\(k)"])
        let vectors = try vectors(folder.appending(path: "vectors.f32"))
        let queries = try self.vectors(folder.appending(path: "queries.f32"))
        let items = try Data(contentsOf: folder.appending(path: "items.i64")).withUnsafeBytes {
            Array($0.bindMemory(to: Int64.self))
        }

        let index = VectorIndex(dimension: dimension)
        try fill(index, vectors)
        let wrong = try queries.indices.filter {
            try index.search(queries[$0], k: k).map(\.item) != Array(items[$0 * k..<($0 + 1) * k])
        }
        print("answers unlike NumPy's in float64: \(wrong.count) of \(queryCount)")
        try timeBatches(index, queries)
        try timeAdds(index, vectors)

        var ratios: [String] = []
        var passed = wrong.isEmpty
        for threads in [1, 2] {
            let peer = try Peer(python: python, folder: folder, dimension: dimension, k: k, threads: threads)
            let (ours, theirs) = try takeTurns(index, queries, peer, threads: threads)
            let ratio = median(ours) / median(theirs)
            let bytes = Double(rows * dimension * 4)
            print(
                "\(threads) threads: Millrace p50 \(milliseconds(median(ours))), p95 \(milliseconds(high(ours))),",
                "\((bytes / median(ours)).formatted(.number.precision(.fractionLength(1)))) GB/s;",
                "NumPy p50 \(milliseconds(median(theirs))), p95 \(milliseconds(high(theirs)))")
            let name = "search_p50_\(threads)_\(threads == 1 ? "thread" : "threads")"
            ratios.append("ratio \(name) \(ratio.formatted(.number.precision(.fractionLength(3)))) \(limit)")
            passed = passed && ratio <= limit
        }
        ratios.forEach { print($0) }
        return passed
    }

    /// Nanoseconds per search on each side. The first round is not counted: it wakes threads and fills caches.
    private static func takeTurns(
        _ index: VectorIndex, _ queries: [[Float]], _ peer: Peer, threads: Int
    ) throws -> (ours: [Double], theirs: [Double]) {
        var ours: [Double] = []
        var theirs: [Double] = []
        for round in 0..<rounds {
            let first = round * perRound
            let here = try queries[first..<first + perRound].map { query in
                try nanoseconds { _ = try index.search(query, k: k, threads: threads) }
            }
            let there = try peer.times(first: first, count: perRound)
            if round > 0 {
                ours += here
                theirs += there
            }
        }
        return (ours, theirs)
    }

    private static func fill(_ index: VectorIndex, _ vectors: [[Float]]) throws {
        let took = try nanoseconds {
            for first in stride(from: 0, to: vectors.count, by: 1000) {
                let group = (first..<min(first + 1000, vectors.count)).map {
                    Change.upsert(Int64($0), revision: 1, vectors[$0])
                }
                try index.apply(group, through: Int64(first + 1))
            }
        }
        let ratio = Double(index.memoryBytes) / Double(rows * dimension * 4)
        print(
            "filled \(rows) × \(dimension) in \(milliseconds(took)),",
            "memory \(ratio.formatted(.number.precision(.fractionLength(3)))) × the vectors")
    }

    private static func timeBatches(_ index: VectorIndex, _ queries: [[Float]]) throws {
        for threads in [1, 2] {
            let took = try (0..<7).map { _ in
                try nanoseconds { _ = try index.searchMany(Array(queries.prefix(64)), k: k, threads: threads) }
            }
            print("64 queries together, \(threads) threads: \(milliseconds(median(took)))")
        }
    }

    private static func timeAdds(_ index: VectorIndex, _ vectors: [[Float]]) throws {
        let took = try (0..<1000).map { number in
            let change = Change.upsert(Int64(number), revision: 2, vectors[number])
            return try nanoseconds { try index.apply([change], through: Int64(rows + number)) }
        }
        print("replacing one item: p50 \(milliseconds(median(took))), worst \(milliseconds(took.max() ?? 0))")
    }

    private static func vectors(_ file: URL) throws -> [[Float]] {
        try Data(contentsOf: file).withUnsafeBytes { bytes in
            let values = bytes.bindMemory(to: Float.self)
            return stride(from: 0, to: values.count, by: dimension).map { Array(values[$0..<$0 + dimension]) }
        }
    }

    private static func nanoseconds(_ work: () throws -> Void) rethrows -> Double {
        let elapsed = try ContinuousClock().measure(work).components
        return Double(elapsed.seconds) * 1e9 + Double(elapsed.attoseconds) / 1e9
    }

    private static func median(_ times: [Double]) -> Double { times.sorted()[times.count / 2] }
    private static func high(_ times: [Double]) -> Double { times.sorted()[times.count * 95 / 100] }

    private static func milliseconds(_ nanoseconds: Double) -> String {
        "\((nanoseconds / 1e6).formatted(.number.precision(.fractionLength(3)))) ms"
    }
}
