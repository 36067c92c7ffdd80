import Foundation
import InferenceRPC
import Secrets
import Serve
import TestCertificates
import Testing

@testable import Composition

@Suite struct `The settings of access` {
    private let token = "a-token-of-the-tests"

    private func load(_ environment: [String: String]) async throws -> Settings {
        try await Settings.load(environment: environment.merging(["MILLRACE_HOME": "/nowhere/millrace"]) { $1 })
    }

    private func file(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "millrace-token-\(UUID().uuidString)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// The sentence that `body` is refused with.
    private func refusal(
        _ environment: [String: String], _ body: (Settings) throws -> Void
    ) async throws -> String {
        let settings = try await load(environment)
        do {
            try body(settings)
        } catch {
            let failure = Failure(error)
            #expect(failure.exit == .config)
            #expect(!failure.message.contains(token))
            return failure.message
        }
        Issue.record("not refused: \(environment.keys)")
        return ""
    }

    @Test func `take the token from its setting or from a file, its line break left out`() async throws {
        let path = try file("\n \(token)\r\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        for environment in [["MILLRACE_ADMIN_TOKEN": token], ["MILLRACE_ADMIN_TOKEN_FILE": path]] {
            let adminToken = try await load(environment).serverSettings().adminToken
            #expect(adminToken?.matches(token) == true)
        }
        let none = try await load([:]).serverSettings().adminToken
        #expect(none == nil)
    }

    @Test func `refuse a token that is short, odd, twice given or not to be read`() async throws {
        let path = try file("short\n")
        let empty = try file("")
        defer { for file in [path, empty] { try? FileManager.default.removeItem(atPath: file) } }
        let cases: [([String: String], String)] = [
            (["MILLRACE_ADMIN_TOKEN": "fifteen-letters"], "15 characters, and at least 16"),
            (["MILLRACE_ADMIN_TOKEN": "a token with spaces in it"], "space"),
            (["MILLRACE_ADMIN_TOKEN_FILE": path], "5 characters"),
            (["MILLRACE_ADMIN_TOKEN_FILE": empty], "0 characters"),
            (["MILLRACE_ADMIN_TOKEN_FILE": "/nowhere/token"], "cannot be read"),
            (["MILLRACE_ADMIN_TOKEN": token, "MILLRACE_ADMIN_TOKEN_FILE": path], "both set"),
        ]
        for (environment, word) in cases {
            let message = try await refusal(environment) { _ = try $0.serverSettings() }
            #expect(message.contains(word), "\(message)")
            #expect(message.contains("MILLRACE_ADMIN_TOKEN"))
        }
    }

    @Test func `refuse half of a pair, and files that are none`() async throws {
        let certificate = try await Certificates.path("server.pem")
        let key = try await Certificates.path("server.key")
        for (environment, word) in [
            (["MILLRACE_TLS_CERT": certificate], "MILLRACE_TLS_KEY is not"),
            (["MILLRACE_TLS_KEY": key], "MILLRACE_TLS_CERT is not"),
            (["MILLRACE_TLS_CERT": certificate, "MILLRACE_TLS_KEY": "/nowhere/key.pem"], "/nowhere/key.pem"),
        ] {
            #expect(try await refusal(environment) { _ = try $0.serverSettings() }.contains(word))
        }
        let settings = try await load(["MILLRACE_TLS_CERT": certificate, "MILLRACE_TLS_KEY": key])
        #expect(try settings.serverSettings().tls == TLSFiles(certificate: certificate, key: key))
    }

    @Test func `refuse to let other machines in before anything is opened`() async throws {
        let open = ["MILLRACE_HOST": "0.0.0.0"]
        #expect(try await refusal(open) { _ = try $0.serverSettings() }.contains("--allow-open"))
        let token = open.merging(["MILLRACE_ADMIN_TOKEN": token]) { $1 }
        #expect(try await refusal(token) { _ = try $0.serverSettings() }.contains("--allow-plaintext"))
        _ = try await load(token.merging(["MILLRACE_ALLOW_PLAINTEXT": "1"]) { $1 }).serverSettings()
        _ = try await load(open.merging(["MILLRACE_ALLOW_OPEN": "1"]) { $1 }).serverSettings()
        await #expect(throws: Failure.self) { try await load(["MILLRACE_ALLOW_OPEN": "yes"]) }
    }

    @Test func `let a worker listen with token and TLS, and say where it is reached`() async throws {
        var environment = [
            "MILLRACE_INFERENCE_LISTEN": "0.0.0.0:0", "MILLRACE_INFERENCE_TOKEN": token,
            "MILLRACE_INFERENCE_TLS_CERT": try await Certificates.path("server.pem"),
            "MILLRACE_INFERENCE_TLS_KEY": try await Certificates.path("server.key"),
        ]
        func endpoint() async throws -> String? {
            try await load(environment).inferenceListening()?.endpoint(4711).description
        }
        #expect(try await endpoint() == "tls://\(ThisProcess.host):4711")
        environment["MILLRACE_INFERENCE_ADVERTISE"] = "worker.example"
        #expect(try await endpoint() == "tls://worker.example:4711")
        environment["MILLRACE_INFERENCE_ADVERTISE"] = "worker.example:443"
        #expect(try await endpoint() == "tls://worker.example:443")
        environment["MILLRACE_INFERENCE_ADVERTISE"] = "2001:db8::7"
        #expect(try await endpoint() == "tls://[2001:db8::7]:4711")
        environment["MILLRACE_INFERENCE_ADVERTISE"] = nil
        environment["MILLRACE_INFERENCE_LISTEN"] = "127.0.0.1:0"
        #expect(try await endpoint() == "tls://127.0.0.1:4711")
        #expect(try await load([:]).inferenceListening() == nil)
    }

    @Test func `refuse a worker that anybody could call, or listen in on`() async throws {
        let certificate = [
            "MILLRACE_INFERENCE_TLS_CERT": try await Certificates.path("server.pem"),
            "MILLRACE_INFERENCE_TLS_KEY": try await Certificates.path("server.key"),
        ]
        let authority = ["MILLRACE_INFERENCE_TLS_CA": try await Certificates.path("ca.pem")]
        let shared = ["MILLRACE_INFERENCE_TOKEN": token]
        let listen = ["MILLRACE_INFERENCE_LISTEN": "0.0.0.0:7700"]
        func merged(_ parts: [String: String]...) -> [String: String] {
            parts.reduce(listen) { $0.merging($1) { $1 } }
        }
        for (environment, word) in [
            (merged(), "anybody"), (merged(certificate), "anybody"), (merged(shared), "without TLS"),
            (merged(authority), "no certificate to show"), (merged(authority, shared), "no certificate to show"),
            (merged(["MILLRACE_INFERENCE_LISTEN": "7700"]), "such as 0.0.0.0:7700"),
            (merged(["MILLRACE_INFERENCE_LISTEN": "worker.example:7700"]), "such as 0.0.0.0:7700"),
            (merged(shared, certificate, ["MILLRACE_INFERENCE_ADVERTISE": "0.0.0.0"]), "reach this worker"),
            (merged(certificate, ["MILLRACE_INFERENCE_TLS_CA": "/nowhere/ca.pem"]), "/nowhere/ca.pem"),
            (merged(["MILLRACE_INFERENCE_TOKEN": "short"]), "MILLRACE_INFERENCE_TOKEN has 5"),
        ] {
            let message = try await refusal(environment) { _ = try $0.inferenceListening() }
            #expect(message.contains(word), "\(message)")
        }
        for environment in [
            merged(shared, certificate), merged(certificate, authority), merged(shared, certificate, authority),
            merged(shared, ["MILLRACE_ALLOW_PLAINTEXT": "1"]),
            merged(shared, ["MILLRACE_INFERENCE_LISTEN": "127.0.0.1:7700"]),
        ] {
            #expect(try await load(environment).inferenceListening() != nil)
        }
    }

    @Test func `are summed up without what is secret`() async throws {
        #expect(
            try await load([:]).accessSummary()
                == "HTTP on 127.0.0.1 port 8000, without a token; workers answer on a unix socket")
        let summary = try await load([
            "MILLRACE_ADMIN_TOKEN": token, "MILLRACE_INFERENCE_TOKEN": token,
            "MILLRACE_INFERENCE_LISTEN": "127.0.0.1:7700",
        ]).accessSummary()
        #expect(summary.hasSuffix("with the token; workers answer tcp://127.0.0.1:7700"))
        let open = ["MILLRACE_HOST": "0.0.0.0"]
        #expect(try await refusal(open) { _ = try $0.accessSummary() }.contains("--allow-open"))
    }

    @Test func `keep tokens from the workers that serve starts`() {
        for name in ["MILLRACE_ADMIN_TOKEN", "MILLRACE_INFERENCE_TOKEN"] {
            #expect(Child.variables[name] == "")
            #expect(Child.variables[name + "_FILE"] == "")
        }
        #expect(Child.variables[Child.supervisorVariable] == "\(ThisProcess.id)")
    }

    @Test func `let the command line ask a server by its address, and keep the token from listeners`() async throws {
        func address(_ environment: [String: String]) async throws -> ServerAddress {
            try ServerAddress(try await load(environment))
        }
        #expect(try await address([:]).base == "http://127.0.0.1:8000")
        #expect(try await address(["MILLRACE_TLS_CERT": "/c.pem"]).base == "https://127.0.0.1:8000")
        let named = try await address(["MILLRACE_URL": "https://millrace.example/"])
        #expect(named.base == "https://millrace.example" && named.isSecure && !named.isLoopback)
        for url in ["millrace.example", "ftp://x", "https://", "https://a/b"] {
            #expect(try await refusal(["MILLRACE_URL": url]) { _ = try ServerAddress($0) }.contains("MILLRACE_URL"))
        }
        let plain = ["MILLRACE_URL": "http://millrace.example", "MILLRACE_ADMIN_TOKEN": token]
        #expect(try await refusal(plain) { _ = try ServerClient(settings: $0) }.contains("readable"))
        _ = try ServerClient(settings: try await load(plain.merging(["MILLRACE_ALLOW_PLAINTEXT": "1"]) { $1 }))
        _ = try ServerClient(settings: try await load(["MILLRACE_ADMIN_TOKEN": token]))
    }
}
