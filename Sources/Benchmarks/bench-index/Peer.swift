import Foundation

/// NumPy on the other end of two pipes, with a fixed number of BLAS threads.
final class Peer {
    private let process = Process()
    private let requests = Pipe()
    private let answers = Pipe()
    private var unread = Data()

    /// Starts `Tests/Peers/numpy_search.py time` and waits until it has loaded the vectors.
    init(python: String, folder: URL, dimension: Int, k: Int, threads: Int) throws {
        process.executableURL = URL(filePath: python)
        process.arguments = [Self.script.path, "time", folder.path, "\(dimension)", "\(k)"]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["OPENBLAS_NUM_THREADS": "\(threads)", "OMP_NUM_THREADS": "\(threads)", "MKL_NUM_THREADS": "\(threads)"]
        ) { $1 }
        process.standardInput = requests
        process.standardOutput = answers
        try process.run()
        guard line() == "ready" else { throw Failure(message: "The NumPy peer did not start: see its message above.") }
    }

    deinit {
        try? requests.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// Nanoseconds of each search for `count` queries from the first one on.
    func times(first: Int, count: Int) throws -> [Double] {
        try requests.fileHandleForWriting.write(contentsOf: Data("\(first) \(count)\n".utf8))
        let times = line().split(separator: " ").compactMap { Double($0) }
        guard times.count == count else { throw Failure(message: "The NumPy peer stopped answering.") }
        return times
    }

    /// Writes the sample or the answers into the folder.
    static func prepare(python: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = [script.path] + arguments
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(message: "numpy_search.py \(arguments[0]) failed: see its message above.")
        }
    }

    private static let script =
        URL(filePath: #filePath).appending(path: "../../../../Tests/Peers/numpy_search.py").standardized

    private func line() -> String {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: unread[unread.startIndex..<end], as: UTF8.self)
                unread = Data(unread[(end + 1)...])
                return line
            }
            let more = answers.fileHandleForReading.availableData
            if more.isEmpty { return "" }
            unread.append(more)
        }
    }
}

struct Failure: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}
