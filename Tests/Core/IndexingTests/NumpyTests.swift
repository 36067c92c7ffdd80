import Foundation
import Testing

@testable import Indexing

@Suite struct `Index beside NumPy` {
    @Test func `a thousand queries over clustered vectors, duplicates and near ties have NumPy's answers`() throws {
        guard let python = ProcessInfo.processInfo.environment["MILLRACE_PYTHON"] else {
            Issue.record("MILLRACE_PYTHON names no Python with NumPy: run `make test`, which prepares one.")
            return
        }
        let (rows, dimension, queryCount, k) = (20_000, 384, 1000, 10)
        let folder = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try run(python, ["sample", folder.path, "\(rows)", "\(dimension)", "\(queryCount)", "20251121"])
        try run(python, ["answer", folder.path, "\(dimension)", "\(k)"])

        let vectors: [Float] = try values(folder.appending(path: "vectors.f32"))
        let queries: [Float] = try values(folder.appending(path: "queries.f32"))
        let items: [Int64] = try values(folder.appending(path: "items.i64"))
        let scores: [Double] = try values(folder.appending(path: "scores.f64"))
        try #require(vectors.count == rows * dimension && items.count == queryCount * k)
        let index = VectorIndex(dimension: dimension)
        for first in stride(from: 0, to: rows, by: 1000) {
            let group = (first..<first + 1000).map {
                Change.upsert(Int64($0), revision: 1, Array(vectors[$0 * dimension..<($0 + 1) * dimension]))
            }
            try index.apply(group, through: Int64(first))
        }

        let asked = (0..<queryCount).map { Array(queries[$0 * dimension..<($0 + 1) * dimension]) }
        let together = try index.searchMany(asked, k: k)
        for (number, query) in asked.enumerated() {
            let truth = (number * k..<(number + 1) * k).map { Hit(item: items[$0], score: scores[$0]) }
            try #require(together[number] == truth, "query \(number), together")
            try #require(try index.search(query, k: k, threads: 1 + number % 2) == truth, "query \(number), alone")
        }
    }

    private func run(_ python: String, _ arguments: [String]) throws {
        let script = URL(filePath: #filePath).appending(path: "../../../Peers/numpy_search.py").standardized
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = [script.path] + arguments
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "numpy_search.py \(arguments[0])")
    }

    /// The numbers of a raw file in this machine's byte order, which is little-endian here as there.
    private func values<Value: BitwiseCopyable>(_ file: URL) throws -> [Value] {
        try Data(contentsOf: file).withUnsafeBytes { bytes in
            (0..<bytes.count / MemoryLayout<Value>.stride).map {
                bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Value>.stride, as: Value.self)
            }
        }
    }
}
