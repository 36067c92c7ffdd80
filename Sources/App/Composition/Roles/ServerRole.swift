import Core
import DatabaseSQLite
package import Logging
import Search
import Serve
import ServiceLifecycle
import Sources
import UnixSignals

/// `millrace serve`: the HTTP server, the live index, the queue's upkeep and its own workers, in one process that never
/// loads a model.
package struct ServerRole: Sendable {
    private let settings: Settings
    private let logger: Logger
    /// Called with the address once connections are accepted.
    private let onBound: @Sendable (String) async -> Void

    package init(
        settings: Settings, logger: Logger, onBound: @escaping @Sendable (String) async -> Void
    ) {
        self.settings = settings
        self.logger = logger
        self.onBound = onBound
    }

    /// Serves until SIGTERM or SIGINT, then lets workers and requests finish.
    package func run() async throws {
        let (settings, logger, onBound) = (settings, logger, onBound)
        // Before anything is opened or started: what is wrong here is the user's to mend.
        let server = try settings.serverSettings()
        let access = try settings.inferenceAccess()
        let database = try await DatabaseOpening.open(settings, logger: logger)
        let index = LiveIndex(database: database, follower: "index@\(ThisProcess.host)", logger: logger)
        let router = QueryRouter(database: database, access: access, logger: logger) { settings.space(of: $0) }
        let meter = RateMeter(database: database)
        let scheduler = QueueScheduler(database: database, logger: logger) { connection, rescue in
            try EmbeddingQueue.showRescued(rescue, on: connection)
        }
        let upkeep = SourceUpkeep(database: database, logger: logger) { settings.space(of: $0) }
        let backend = ServerBackend(
            database: database, index: index,
            search: SearchService(index: index, items: SearchItems(database: database), embedder: router),
            router: router, meter: meter, settings: settings, logger: logger)
        let http = HTTPServer(settings: server, backend: backend, logger: logger) { port in
            await onBound(
                "http\(server.tls == nil ? "" : "s")://\(settings.host.contains(":") ? "[\(settings.host)]" : settings.host):\(port)"
            )
        }
        let alert = settings.alertWebhook.map {
            AlertWebhook(
                url: $0, secret: settings.alertSecret, queueAge: settings.alertQueueAge, database: database,
                logger: logger)
        }
        let supervisor = Supervisor(count: settings.workers, scheduler: scheduler, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    part("meter") { try await meter.run() },
                    part("index") { try await index.run() },
                    part("queue") {
                        try await Self.repeatedly(.milliseconds(500), logger) {
                            try await scheduler.tick(now: .now, wall: .now())
                            return false
                        }
                    },
                    part("wake-up") {
                        guard database.dialect == .postgres else { return try await Self.forever() }
                        var wakeUp = WakeUp(database: database)
                        while !Task.isCancelled {
                            do {
                                while try await wakeUp.look(now: .now) {}
                            } catch let error as DatabaseError where error.isRetryable {
                                logger.warning("the queue could not be looked at", metadata: ["error": "\(error)"])
                            }
                            try await Task.sleep(
                                for: await scheduler.isLeader ? WakeUp.pause : WakeUp.standbyPause)
                        }
                    },
                    part("upkeep") {
                        try await Self.repeatedly(.seconds(1), logger) {
                            try await upkeep.tick(now: .now)
                        }
                    },
                    part("wal") {
                        try await Self.repeatedly(.seconds(60), logger) {
                            _ = try await (database as? SQLiteDatabase)?.truncateWAL()
                            return false
                        }
                    },
                    part("alerts") {
                        try await Self.repeatedly(.seconds(5), logger) {
                            try await alert?.tick(now: .now, calls: await scheduler.isLeader)
                            return false
                        }
                    },
                    .init(service: Part("workers") { try await supervisor.run() }, successTerminationBehavior: .ignore),
                    .init(service: http),
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch {
            await router.close()
            await database.close()
            throw error
        }
        try? await scheduler.resign()
        await router.close()
        await database.close()
    }

    /// Waits until cancelled: a part that has nothing to do here.
    private static func forever() async throws {
        while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
    }

    /// A part that runs until the group shuts down and then is cancelled.
    private func part(
        _ name: String, _ body: @escaping @Sendable () async throws -> Void
    ) -> ServiceGroupConfiguration.ServiceConfiguration {
        .init(
            service: Part(name) {
                do {
                    try await cancelWhenGracefulShutdown(body)
                } catch is CancellationError {
                    // That is how it ends.
                }
            }, successTerminationBehavior: .ignore)
    }

    /// Runs `step` again and again, at once while it says there is more; a fault that may pass is logged, not fatal.
    private static func repeatedly(
        _ pause: Duration, _ logger: Logger, _ step: @Sendable () async throws -> Bool
    ) async throws {
        while !Task.isCancelled {
            do {
                if try await step() { continue }
            } catch let error as DatabaseError where error.isRetryable {
                logger.warning("the database could not be used; trying again", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: pause)
        }
    }
}
