import Core
import Embedding
import Foundation
import InferenceRPC
import Logging
import Secrets
import Synchronization
import Testing

@testable import Composition

/// Answers with a space of its name; a hanging one answers when the test lets it.
private struct NamedEmbedder: Embedder {
    let space: Space
    let device = "test"
    let calls = Counter()
    /// Ends when a hanging one may answer.
    private let gate: AsyncStream<Never>?
    private let opening: AsyncStream<Never>.Continuation

    final class Counter: Sendable {
        private let value = Mutex(0)
        func add() { value.withLock { $0 += 1 } }
        var count: Int { value.withLock { $0 } }
    }

    init(_ space: String = "s", hangs: Bool = false) {
        self.space = Space(id: space, dimension: 2)
        let (gate, opening) = AsyncStream<Never>.makeStream()
        self.gate = hangs ? gate : nil
        self.opening = opening
    }

    func release() { opening.finish() }

    @concurrent func embed(_ texts: [String], urgency: Urgency) async throws(EmbeddingError) -> Embeddings {
        calls.add()
        if let gate {
            for await _ in gate {}
        }
        return Embeddings(
            vectors: texts.flatMap { _ in [1, 0] as [Float] }, dimension: 2, tokenCounts: texts.map { _ in 1 },
            isTruncated: texts.map { _ in false })
    }
}

@Suite struct `The router of queries` {
    private static let token = Secret("a-token-of-the-tests")
    private static let logger: Logger = {
        var logger = Logger(label: "router")
        logger.logLevel = .critical
        return logger
    }()

    /// Runs `body` with an empty registry.
    private func withRegistry(_ body: (any Database) async throws -> Void) async throws {
        let home = NSTemporaryDirectory() + "millrace-router-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: home) }
        let settings = try await Settings.load(environment: ["MILLRACE_HOME": home])
        try await DatabaseOpening.with(settings, making: .database, logger: Self.logger, body)
    }

    private func enter(
        _ endpoint: String, host: String = ThisProcess.host, model: String = "m", _ database: any Database
    ) async throws {
        try await database.write { connection in
            let store = WorkerStore()
            let id = try store.register(.init(name: endpoint, host: host, pid: 1), now: .now(), on: connection)
            try store.ready(id, device: "cpu", model: model, endpoint: endpoint, on: connection)
        }
    }

    private func router(
        _ database: any Database, deadlines: QueryRouter.Deadlines = .init(one: .seconds(60), all: .seconds(60)),
        token: Secret? = token, space: String? = nil
    ) -> QueryRouter {
        QueryRouter(
            database: database, access: InferenceAccess(token: token, host: ThisProcess.host), logger: Self.logger,
            deadlines: deadlines
        ) { _ in space.map { Space(id: $0, dimension: 2) } }
    }

    /// Runs a worker per embedder on TCP, all entered in the registry.
    private func withWorkers(
        _ embedders: [NamedEmbedder], _ body: (any Database) async throws -> Void
    ) async throws {
        let servers = embedders.map { embedder in
            InferenceServer(.tcp(HostPort(host: "127.0.0.1", port: 0), nil), token: Self.token) {
                _ throws(EmbeddingError) in embedder
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { try await server.run() } }
            try await withRegistry { (database) async throws in
                for server in servers {
                    let port = try #require(try await server.waitUntilListening())
                    try await enter("tcp://127.0.0.1:\(port)", database)
                }
                try await body(database)
            }
            for embedder in embedders { embedder.release() }
            for server in servers { server.stop() }
            try await group.waitForAll()
        }
    }

    @Test func `spreads queries over the workers`() async throws {
        let embedders = [NamedEmbedder(), NamedEmbedder()]
        try await withWorkers(embedders) { (database) async throws in
            let router = router(database)
            for _ in 0..<10 { _ = try await router.embed("text", model: "m") }
            await router.close()
        }
        #expect(embedders.map(\.calls.count) == [5, 5])
    }

    @Test func `goes on with another worker where one does not answer, and lets that one rest`() async throws {
        let embedder = NamedEmbedder()
        try await withWorkers([embedder]) { (database) async throws in
            try await enter("tcp://127.0.0.1:1", database)
            let router = router(database)
            for _ in 0..<10 { #expect(try await router.embed("text", model: "m").space == "s") }
            await router.close()
        }
        #expect(embedder.calls.count == 10)
    }

    @Test func `goes on with another worker where one hangs`() async throws {
        let hanging = NamedEmbedder(hangs: true)
        let answering = NamedEmbedder()
        try await withWorkers([hanging, answering]) { (database) async throws in
            let router = router(database, deadlines: .init(one: .seconds(3), all: .seconds(60)))
            for _ in 0..<4 { #expect(try await router.embed("text", model: "m").space == "s") }
            await router.close()
        }
        #expect(answering.calls.count == 4)
        #expect(hanging.calls.count <= 2, "it rests after it was waited for in vain")
    }

    @Test func `says when to come again where all workers rest`() async throws {
        try await withRegistry { (database) async throws in
            try await enter("tcp://127.0.0.1:1", database)
            let router = router(database)
            let first = await #expect(throws: QueryRouter.NoWorker.self) { try await router.embed("a", model: "m") }
            #expect(first?.message.contains("no worker answered") == true)
            let second = await #expect(throws: QueryRouter.NoWorker.self) { try await router.embed("a", model: "m") }
            #expect((1...30).contains(second?.retryAfterSeconds ?? 0))
            await router.close()
        }
    }

    @Test func `refuses vectors of another space than the model's`() async throws {
        try await withWorkers([NamedEmbedder("old")]) { (database) async throws in
            let router = router(database, space: "new")
            let error = await #expect(throws: QueryRouter.NoWorker.self) { try await router.embed("a", model: "m") }
            #expect(error?.message.contains("space old") == true)
            #expect(error?.message.contains("in new") == true)
            await router.close()
        }
        let embedders = [NamedEmbedder("old"), NamedEmbedder("new")]
        try await withWorkers(embedders) { (database) async throws in
            let router = router(database, space: "new")
            for _ in 0..<4 { #expect(try await router.embed("a", model: "m").space == "new") }
            await router.close()
        }
    }

    @Test func `takes another token for a fault of the settings, and says which`() async throws {
        try await withWorkers([NamedEmbedder()]) { (database) async throws in
            let router = router(database, token: Secret("another-token-entirely"))
            let error = await #expect(throws: QueryRouter.NoWorker.self) { try await router.embed("a", model: "m") }
            #expect(error?.message.contains("MILLRACE_INFERENCE_TOKEN") == true)
            await router.close()
        }
    }

    @Test func `says that none runs the model, or why none can be asked from here`() async throws {
        try await withRegistry { (database) async throws in
            let router = router(database)
            func message(_ model: String) async -> String {
                let error = await #expect(throws: QueryRouter.NoWorker.self) {
                    try await router.embed("a", model: model)
                }
                return error?.message ?? ""
            }
            #expect(await message("m").contains("start one with millrace worker"))
            try await enter("unix:/run/millrace/worker-1.sock", host: "elsewhere", model: "socket", database)
            #expect(await message("socket").contains("MILLRACE_INFERENCE_LISTEN"))
            try await enter("tcp://127.0.0.1:7700", host: "elsewhere", model: "loop", database)
            #expect(await message("loop").contains("MILLRACE_INFERENCE_ADVERTISE"))
            try await enter("tcp://worker.example:7700", host: "elsewhere", model: "plain", database)
            #expect(await message("plain").contains("without TLS"))
            await router.close()
        }
    }
}
