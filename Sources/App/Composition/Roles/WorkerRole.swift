import Core
import DatabaseSQLite
import Embedding
import FoundationEssentials
import InferenceRPC
package import Logging
import ServiceLifecycle
import Sources
import UnixSignals

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// `millrace worker`: one process that claims, embeds and settles, and answers the server's queries.
package struct WorkerRole: Sendable {
    private let settings: Settings
    private let logger: Logger
    /// The process that started this worker and that it must not outlive, or nil where a person started it.
    private let supervisor: Int32?
    /// Called with the banner when the model is loaded.
    private let onReady: @Sendable (Banner) -> Void

    /// What a worker says when it begins.
    package struct Banner: Sendable {
        package let name: String
        package let device: String
        package let batchSize: Int
        package let pollSeconds: Double
        package let model: String
    }

    package init(
        settings: Settings, supervisor: Int32?, logger: Logger, onReady: @escaping @Sendable (Banner) -> Void
    ) {
        self.settings = settings
        self.supervisor = supervisor
        self.logger = logger
        self.onReady = onReady
    }

    /// Works until SIGTERM or SIGINT; what is in hand is settled or handed back first.
    package func run() async throws {
        let logger = logger
        // Workers that serve starts answer it on a socket: several of them would want the same port.
        let inference =
            supervisor == nil ? try settings.inferenceListening() ?? .socket(settings) : try .socket(settings)
        let database = try await DatabaseOpening.open(settings, logger: logger)
        ThisProcess.standBack(by: settings.nice)
        let models = ModelHost(settings: settings, logger: logger)
        // Before the incarnation is entered: a model that is not there is the user's to mend, not the queue's.
        let embedder: any Embedder
        do {
            embedder = try await models.embedder(for: settings.model)
        } catch {
            await database.close()
            throw error
        }
        let name = settings.workerName ?? "\(ThisProcess.host)-\(ThisProcess.id)"
        var work = EmbeddingWorker.Settings()
        work.batchSize = settings.batchSize
        work.pollInterval = .milliseconds(Int64(settings.pollSeconds * 1000))
        let worker = EmbeddingWorker(
            database: database, queue: EmbeddingQueue(database: database), provider: models,
            introduction: .init(
                name: name, host: ThisProcess.host, pid: ThisProcess.id, version: ThisProcess.version),
            settings: work,
            logger: logger, onStuck: { _exit(Failure.Exit.software.rawValue) })
        try await Self.register(worker, logger)
        let server = InferenceServer(inference.listener, token: inference.token) { model throws(EmbeddingError) in
            try await models.embedder(for: model)
        }
        let banner = Banner(
            name: name, device: embedder.device, batchSize: settings.batchSize, pollSeconds: settings.pollSeconds,
            model: settings.model)
        let (onReady, supervisor) = (onReady, supervisor)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: Part("inference") {
                            try await withGracefulShutdownHandler {
                                try await inference.translated { try await server.run() }
                            } onGracefulShutdown: {
                                server.stop()
                            }
                        }),
                    .init(
                        service: Part("beat") {
                            try await cancelWhenGracefulShutdown { try await worker.beat() }
                        }, successTerminationBehavior: .ignore),
                    .init(
                        service: Part("parent") {
                            guard let supervisor else { return }
                            try await cancelWhenGracefulShutdown { try await Self.watch(supervisor) }
                        }, successTerminationBehavior: supervisor == nil ? .ignore : .gracefullyShutdownGroup),
                    .init(
                        service: Part("work") {
                            let port = try await inference.translated { try await server.waitUntilListening() }
                            let endpoint = inference.endpoint(port).description
                            try await worker.ready(device: embedder.device, model: banner.model, endpoint: endpoint)
                            logger.info("answers queries", metadata: ["endpoint": "\(endpoint)"])
                            onReady(banner)
                            try await withGracefulShutdownHandler {
                                try await worker.work()
                            } onGracefulShutdown: {
                                Task { await worker.drain() }
                            }
                        }, successTerminationBehavior: .gracefullyShutdownGroup),
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch is CancellationError {
            // The beat ends by cancellation.
        }
        await database.close()
    }

    /// The database was there when the process started, and may be away by the time the model is loaded.
    private static func register(_ worker: EmbeddingWorker, _ logger: Logger) async throws {
        while true {
            do {
                return try await worker.register()
            } catch let error as DatabaseError where error.isRetryable {
                logger.warning("this worker could not be entered; trying again", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    /// Returns when `supervisor` is no longer this process's parent, also where it died while the model was loading: who
    /// asks for the parent only then learns who has adopted the process. (The kernel's death signal follows the parent's
    /// thread, not its process, and threads come and go.)
    private static func watch(_ supervisor: Int32) async throws {
        while getppid() == supervisor { try await Task.sleep(for: .seconds(1)) }
    }
}

/// A long-lived part of a process as a service.
struct Part: Service, CustomStringConvertible {
    let description: String
    private let body: @Sendable () async throws -> Void

    init(_ description: String, _ body: @escaping @Sendable () async throws -> Void) {
        self.description = description
        self.body = body
    }

    func run() async throws {
        try await body()
    }
}
