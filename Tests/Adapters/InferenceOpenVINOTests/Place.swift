import Embedding
import Foundation
import Testing

/// The real runtime, models and Python that `make test` prepares.
enum Place {
    static func variable(_ name: String) throws -> String {
        try #require(ProcessInfo.processInfo.environment[name], "\(name) is not set; run `make test`.")
    }

    static func store() throws -> ModelStore {
        ModelStore(modelsFolder: try variable("MILLRACE_MODELS"), depsFolder: try variable("MILLRACE_DEPS"))
    }

    /// Runs a script of `Tests/Peers` with `input` on its stdin and answers its stdout.
    static func peer(_ script: String, _ arguments: [String], input: [Int32]) throws -> [Float] {
        let folder = try Folder()
        let input = input.withUnsafeBytes { Data($0) }
        try input.write(to: folder.url("in"))
        try Data().write(to: folder.url("out"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try variable("MILLRACE_PYTHON"))
        let peers = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../Peers").standardizedFileURL
        process.arguments = [peers.appendingPathComponent(script).path] + arguments
        process.standardInput = try FileHandle(forReadingFrom: folder.url("in"))
        process.standardOutput = try FileHandle(forWritingTo: folder.url("out"))
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(script) failed")
        return try Data(contentsOf: folder.url("out")).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    /// A folder of a test's own, gone with it.
    final class Folder {
        private let root = FileManager.default.temporaryDirectory.appendingPathComponent(
            "millrace-\(UUID().uuidString)")
        var path: String { root.path }
        init() throws { try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: root) }
        func url(_ name: String) -> URL { root.appendingPathComponent(name) }
    }
}

/// Gives every word an id of the vocabulary by its hash: no sense, but lengths and ids as real texts have.
struct HashTokenizer: Tokenizer {
    var maximumTokens = 256
    let padID: Int32 = 0

    func encode(_ text: String) -> TokenIDs {
        let words = text.split(separator: " ").map { word in
            Int32(word.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 } % 29_000) + 1000
        }
        return TokenIDs(
            ids: [101] + words.prefix(maximumTokens - 2) + [102], isTruncated: words.count > maximumTokens - 2)
    }
}

/// Texts of 1 to 300 words, most of them short, the same on every run.
func someTexts(_ count: Int, seed: UInt64 = 1) -> [String] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15
    func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
    return (0..<count).map { index in
        let words = index % 50 == 0 ? 1 + next(300) : 1 + next(30)
        return (0..<words).map { _ in "word\(next(20_000))" }.joined(separator: " ")
    }
}

/// The least cosine of the rows of two answers, each row of norm 1.
func worstCosine(_ a: [Float], _ b: [Float], dimension: Int) -> Float {
    precondition(a.count == b.count)
    return stride(from: 0, to: a.count, by: dimension).reduce(2) { worst, start in
        min(worst, (start..<start + dimension).reduce(0) { $0 + a[$1] * b[$1] })
    }
}
