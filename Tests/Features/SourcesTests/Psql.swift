import Foundation

/// A user's session that stays open: psql, told statement by statement what to do.
final class Psql: Sendable {
    private let process = Process()
    private let (input, output) = (Pipe(), Pipe())

    init(_ url: String) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["psql", "-XqAt", url]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    /// Sends statements without waiting for them.
    func send(_ sql: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((sql + "\n").utf8))
    }

    /// Returns when the session has done them. - Returns: what it printed.
    @discardableResult
    func tell(_ sql: String) throws -> String {
        try send(sql + "\n\\echo done")
        return try answer()
    }

    /// Waits for a `\echo done`. - Returns: what was printed before it.
    func answer() throws -> String {
        var lines: [String] = []
        var line: [UInt8] = []
        while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first {
            guard byte == 10 else {
                line.append(byte)
                continue
            }
            let text = String(decoding: line, as: UTF8.self)
            if text == "done" { break }
            lines.append(text)
            line = []
        }
        return lines.joined(separator: "\n")
    }

    func end() throws {
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
