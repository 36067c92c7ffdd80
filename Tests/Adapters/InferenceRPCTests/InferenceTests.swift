import Embedding
import Foundation
import Testing

@testable import InferenceRPC

@Suite(.serialized) struct `Inference over a unix socket` {
    /// Runs `body` with a client and a server that knows the model "m".
    private func withServer(_ body: @Sendable (InferenceClient, String) async throws -> Void) async throws {
        let path =
            "/tmp/millrace-rpc-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0...UInt32.max)).sock"
        let server = InferenceServer(.unix(path: path)) { model throws(EmbeddingError) in
            guard model == "m" else { throw EmbeddingError(.modelMissing, "there is no model \(model)") }
            return CountingEmbedder()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            try await server.waitUntilListening()
            let client = try InferenceClient(.unix(path: path))
            try await body(client, path)
            client.close()
            server.stop()
            try await group.waitForAll()
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `answers rows in the order of the texts`() async throws {
        try await withServer { client, _ in
            let reply = try await client.embed(["a", "longer text"], model: "m", deadline: .seconds(60))
            #expect(reply.space == "counting")
            #expect(reply.dimension == 2)
            #expect(reply.vectors == [1, 1, 11, 1])
            #expect(reply.tokenCounts == [1, 11])
        }
    }

    @Test func `can be opened by this user alone`() async throws {
        try await withServer { _, path in
            let permissions = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(permissions == 0o600)
        }
    }

    @Test func `refuses an unknown model, no text and too many, each in a sentence`() async throws {
        try await withServer { client, _ in
            for (texts, model, word) in [
                (["a"], "other", "other"), ([], "m", "0"), (Array(repeating: "a", count: 257), "m", "257"),
                (["fail"], "m", "memory"),
            ] {
                let error = await #expect(throws: InferenceError.self) {
                    _ = try await client.embed(texts, model: model, deadline: .seconds(60))
                }
                #expect(error?.code == .refused)
                #expect(error?.message.contains(word) == true)
            }
        }
    }

    @Test func `gives up at the deadline where nobody listens`() async throws {
        let path = "/tmp/millrace-nobody-\(UInt32.random(in: 0...UInt32.max)).sock"
        let client = try InferenceClient(.unix(path: path))
        let error = await #expect(throws: InferenceError.self) {
            _ = try await client.embed(["a"], model: "m", deadline: .milliseconds(200))
        }
        #expect(error?.isRetryable == true)
        client.close()
    }
}
