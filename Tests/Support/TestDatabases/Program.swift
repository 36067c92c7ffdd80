import Foundation

/// Another process, and what it printed.
package final class Program: Sendable {
    /// It ended with another status than 0.
    package struct Failed: Error, CustomStringConvertible {
        package let description: String
    }

    private let process = Process()
    private let pipe = Pipe()

    /// Starts `name`, found on the PATH, or a path; output and errors go into one pipe.
    package init(_ name: String, _ arguments: [String] = [], environment: [String: String] = [:]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, given in given }
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    package var identifier: Int32 { process.processIdentifier }

    /// Blocks until it has printed a line.
    package func line() -> String {
        var bytes: [UInt8] = []
        while let byte = try? pipe.fileHandleForReading.read(upToCount: 1)?.first, byte != 10 { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads on to its end on a thread of its own, so that what it prints does not fill the pipe and stop it.
    package func ignoreTheRest() {
        let file = pipe.fileHandleForReading
        Thread { _ = try? file.readToEnd() }.start()
    }

    /// Waits for its end. - Throws: ``Failed`` with what it printed where it ended with another status than 0.
    @discardableResult
    package func output() throws -> String {
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard process.terminationStatus == 0 else {
            throw Failed(description: "\(process.arguments ?? []) ended with \(process.terminationStatus): \(text)")
        }
        return text
    }

    /// Ends it at once. By the one signal that cannot be blocked: a child inherits what its starter's thread blocks.
    package func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Runs it to its end, on a thread of its own.
    @discardableResult
    package static func run(
        _ name: String, _ arguments: [String] = [], environment: [String: String] = [:]
    ) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            Thread {
                continuation.resume(
                    with: Result { try Program(name, arguments, environment: environment).output() })
            }.start()
        }
    }
}
