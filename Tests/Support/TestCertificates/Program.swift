import Foundation

/// Another program, run to its end on a thread of its own: reading its output waits, and the server needs its threads.
package enum Program {
    package struct Outcome: Sendable {
        package let code: Int32
        /// Both outputs together.
        package let output: String
    }

    package static func run(_ path: String, _ arguments: [String], input: String = "") async throws -> Outcome {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try runHere(path, arguments, input) })
            }
        }
    }

    private static func runHere(_ path: String, _ arguments: [String], _ input: String) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let (into, out) = (Pipe(), Pipe())
        process.standardInput = into
        process.standardOutput = out
        process.standardError = out
        try process.run()
        // A short text fits into the pipe, whether or not the program reads it.
        into.fileHandleForWriting.write(Data(input.utf8))
        try into.fileHandleForWriting.close()
        let output = out.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(code: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
    }
}
