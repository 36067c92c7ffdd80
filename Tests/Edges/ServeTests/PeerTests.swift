import Foundation
import Secrets
import Serve
import TestCertificates
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

    @Test func `the page works in a browser behind the admin token`() async throws {
        var settings = ServerSettings(port: 0)
        settings.adminToken = Secret("a-token-of-the-page-test")
        try await withServer(.workshop(), settings: settings) { (server) async throws in
            try await Peer.run(
                "page_test.py", "http://localhost:\(server.port)", "--token", "a-token-of-the-page-test")
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
        let outcome = try await Program.run(python, [Repository.path("Tests/Peers/\(name)")] + arguments)
        #expect(outcome.code == 0, "\(outcome.output)")
    }
}
