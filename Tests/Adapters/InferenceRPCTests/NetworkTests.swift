import Embedding
import Foundation
import Secrets
import TestCertificates
import Testing

@testable import InferenceRPC

@Suite(.serialized) struct `Inference over TCP` {
    private static let token = Secret("a-token-of-the-tests")

    /// What the tests change: each side's token and files.
    private struct Sides {
        var workerToken: Secret? = token
        var serverToken: Secret? = token
        var workerTLS: InferenceTLS?
        var serverTLS: InferenceTLS?
        /// By which the server calls the worker.
        var name = "127.0.0.1"
    }

    private func identity(_ name: String) async throws -> InferenceTLS.Identity {
        .init(certificate: try await Certificates.path(name + ".pem"), key: try await Certificates.path(name + ".key"))
    }

    private func tls(_ name: String?, trusts authority: String?) async throws -> InferenceTLS {
        var tls = InferenceTLS()
        if let name { tls.identity = try await identity(name) }
        if let authority { tls.authorities = try await Certificates.path(authority) }
        return tls
    }

    /// Runs a worker and a server that calls it once. - Returns: what it answered, or why it did not.
    private func call(_ sides: Sides) async throws -> Result<InferenceClient.Reply, InferenceError> {
        try await withWorker(sides) { client in
            do throws(InferenceError) {
                return .success(try await client.embed(["a", "bcd"], model: "m", deadline: .seconds(60)))
            } catch {
                return .failure(error)
            }
        }
    }

    private func withWorker<Value: Sendable>(
        _ sides: Sides, _ body: @Sendable (InferenceClient) async throws -> Value
    ) async throws -> Value {
        let place = HostPort(host: "127.0.0.1", port: 0)
        let server = InferenceServer(.tcp(place, sides.workerTLS), token: sides.workerToken) {
            _ throws(EmbeddingError) in CountingEmbedder()
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let port = try #require(try await server.waitUntilListening())
            let reached = HostPort(host: sides.name, port: port)
            let client = try InferenceClient(
                sides.serverTLS == nil ? .tcp(reached) : .tls(reached), token: sides.serverToken, tls: sides.serverTLS)
            let value = try await body(client)
            client.close()
            server.stop()
            try await group.waitForAll()
            return value
        }
    }

    private func code(_ result: Result<InferenceClient.Reply, InferenceError>) -> InferenceError.Code? {
        guard case .failure(let error) = result else { return nil }
        return error.code
    }

    @Test(arguments: ["127.0.0.1", "localhost"]) func `answers who has the token`(name: String) async throws {
        let reply = try await call(Sides(name: name)).get()
        #expect(reply.vectors == [1, 1, 3, 1])
        #expect(reply.space == "counting")
    }

    @Test func `answers over TLS who has the token, by name and by address`() async throws {
        for name in ["localhost", "127.0.0.1"] {
            let sides = Sides(
                workerTLS: try await tls("server", trusts: nil), serverTLS: try await tls(nil, trusts: "ca.pem"),
                name: name)
            #expect(try await call(sides).get().vectors == [1, 1, 3, 1])
        }
    }

    @Test func `answers who has a certificate, without any token`() async throws {
        let sides = Sides(
            workerToken: nil, serverToken: nil, workerTLS: try await tls("server", trusts: "ca.pem"),
            serverTLS: try await tls("client", trusts: "ca.pem"), name: "localhost")
        #expect(try await call(sides).get().vectors == [1, 1, 3, 1])
    }

    @Test(arguments: [nil, "a-token-of-the-test", "A-TOKEN-OF-THE-TESTS", "a-token-of-the-tests-and-more"])
    func `refuses another token and none`(token: String?) async throws {
        let result = try await call(Sides(serverToken: token.map { Secret($0) }))
        #expect(code(result) == .unauthorized)
        guard case .failure(let error) = result else { return }
        #expect(error.message.contains("MILLRACE_INFERENCE_TOKEN"))
        #expect(!error.message.contains("a-token"))
        #expect(error.isRetryable, "another worker may have the same")
    }

    @Test func `asks for the certificate and the token where both are set`() async throws {
        let sides = Sides(
            serverToken: nil, workerTLS: try await tls("server", trusts: "ca.pem"),
            serverTLS: try await tls("client", trusts: "ca.pem"), name: "localhost")
        #expect(code(try await call(sides)) == .unauthorized)
    }

    @Test func `does not answer who shows no certificate, or another authority's`() async throws {
        for client in [nil, "stranger"] {
            let sides = Sides(
                workerTLS: try await tls("server", trusts: "ca.pem"),
                serverTLS: try await tls(client, trusts: "ca.pem"), name: "localhost")
            let result = try await call(sides)
            #expect(code(result) == .unreachable)
            guard case .failure(let error) = result else { continue }
            #expect(error.message.contains("certificate"), "\(error.message)")
            #expect(!error.message.contains(".cc"), "no place in another's sources")
        }
    }

    @Test func `is not sent a token before its certificate has convinced`() async throws {
        // Another authority's, another name's; and one who listens for TLS where none is.
        for (worker, authority) in [("stranger", "ca.pem"), ("elsewhere", "ca.pem"), ("server", "foreign.pem")] {
            let sides = Sides(
                workerTLS: try await tls(worker, trusts: nil), serverTLS: try await tls(nil, trusts: authority),
                name: "localhost")
            let result = try await call(sides)
            #expect(code(result) == .unreachable)
            guard case .failure(let error) = result else { continue }
            #expect(error.message.contains("its certificate"), "\(error.message)")
        }
        let plain = Sides(serverTLS: try await tls(nil, trusts: "ca.pem"), name: "localhost")
        #expect(code(try await call(plain)) == .unreachable)
    }

    @Test func `is found not to speak plainly where it speaks TLS`() async throws {
        let sides = Sides(workerTLS: try await tls("server", trusts: nil))
        #expect(code(try await call(sides)) == .unreachable)
    }

    @Test func `fails at once where nobody listens`() async throws {
        let client = try InferenceClient(.tcp(HostPort(host: "127.0.0.1", port: 1)), token: Self.token)
        let began = ContinuousClock.now
        let error = await #expect(throws: InferenceError.self) {
            _ = try await client.embed(["a"], model: "m", deadline: .seconds(30))
        }
        #expect(error?.code == .unreachable)
        #expect(began.duration(to: .now) < .seconds(15))
        client.close()
    }

    @Test func `keeps one connection for many calls at a time`() async throws {
        try await withWorker(Sides()) { client in
            try await withThrowingTaskGroup(of: [Float].self) { group in
                for length in 1...100 {
                    group.addTask {
                        let text = String(repeating: "a", count: length)
                        return try await client.embed([text], model: "m", deadline: .seconds(60)).vectors
                    }
                }
                let lengths = try await group.reduce(into: Set<Float>()) { $0.insert($1[0]) }
                #expect(lengths == Set((1...100).map(Float.init)))
            }
        }
    }
}

@Suite struct `A place in the registry` {
    @Test(arguments: [
        "unix:/run/worker-1.sock", "tcp://10.0.0.7:7700", "tls://worker.example:7700", "tls://[2001:db8::7]:7700",
    ])
    func `is written as it was read`(text: String) {
        #expect(InferenceEndpoint(text)?.description == text)
    }

    @Test(arguments: [
        "", "unix:", "tcp://", "tcp://host", "tcp://:7700", "tls://host:", "tls://host:70000", "tls://host:-1",
        "http://host:7700", "tcp://a/b:7700", "tcp://me@host:7700", "tcp://2001:db8::7:7700", "tcp://ho st:1",
    ])
    func `is refused where it is none`(text: String) {
        #expect(InferenceEndpoint(text) == nil)
    }

    @Test func `knows this machine and all addresses`() throws {
        for text in ["localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"] {
            #expect(try #require(HostPort(text)).isLoopback, "\(text)")
        }
        for text in ["127.evil.example:1", "127.0.0.1.evil:1", "10.0.0.1:1", "[::]:1"] {
            #expect(try #require(HostPort(text)).isLoopback == false, "\(text)")
        }
        #expect(try #require(HostPort("[::]:1")).isWildcard)
        #expect(try #require(HostPort("0.0.0.0:1")).isWildcard)
    }
}
