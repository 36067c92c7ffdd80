import Foundation
import Serve
import Testing

/// The server before programs that others wrote: OpenAI's client, Prometheus' parser, a browser.
@Suite struct PeerTests {
    @Test func `the openai client embeds, decodes base64, lists models and reads errors`() async throws {
        try await withServer { (server) async throws in
            try await Peer.run("openai_test.py", "http://localhost:\(server.port)/v1")
        }
    }

    @Test func `prometheus reads the metrics`() async throws {
        try await withServer(.workshop()) { (server) async throws in
            _ = try await server.get("/api/status")
            _ = try await server.get("/api/nothing/\(UInt64.max)")
            try await Peer.run("metrics_test.py", "http://localhost:\(server.port)/metrics")
        }
    }

    @Test func `the page works in a browser, full`() async throws {
        try await withServer(.workshop()) { (server) async throws in
            try await Peer.run("page_test.py", "http://localhost:\(server.port)")
        }
    }

    @Test func `the page works in a browser, empty`() async throws {
        try await withServer { (server) async throws in
            try await Peer.run("page_test.py", "http://localhost:\(server.port)", "--empty")
        }
    }
}

/// A Python program of `Tests/Peers`, run by the interpreter that `make test` prepares.
enum Peer {
    static func run(_ name: String, _ arguments: String...) async throws {
        guard let python = ProcessInfo.processInfo.environment["MILLRACE_PYTHON"] else {
            Issue.record("MILLRACE_PYTHON is not set: run make test, which prepares a Python with the peers' packages")
            return
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [Repository.path("Tests/Peers/\(name)")] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        let status: (code: Int32, output: String) = try await withCheckedThrowingContinuation { continuation in
            // A thread of its own: reading waits for the program's end.
            Thread.detachNewThread {
                do {
                    try process.run()
                    let output = pipe.fileHandleForReading.readDataToEndOfFile()
                    process.waitUntilExit()
                    continuation.resume(
                        returning: (process.terminationStatus, String(decoding: output, as: UTF8.self)))
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
        #expect(status.code == 0, "\(status.output)")
    }
}
