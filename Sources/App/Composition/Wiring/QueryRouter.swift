import Core
import Embedding
import InferenceRPC
import Logging
import Search

/// Sends a query's text to a worker that runs the model, here or on another machine, and to another one if that does
/// not answer.
actor QueryRouter: QueryEmbedder {
    /// Why no worker embedded the query.
    struct NoWorker: Error, Sendable, CustomStringConvertible {
        let message: String
        var retryAfterSeconds = 2
        var description: String { message }
    }

    /// How long one worker may take, and how long all that are tried may take together.
    struct Deadlines: Sendable {
        var one: Duration = .seconds(5)
        var all: Duration = .seconds(10)
    }

    private let database: any Database
    private let access: InferenceAccess
    private let logger: Logger
    private let deadlines: Deadlines
    /// The space of a model as this server knows it; nil for a model that it does not know.
    private let space: @Sendable (String) -> Space?
    private var clients: [InferenceEndpoint: InferenceClient] = [:]
    private var balance = EndpointBalance()
    /// Faults that were logged, each once.
    private var logged: Set<String> = []

    init(
        database: any Database, access: InferenceAccess, logger: Logger, deadlines: Deadlines = Deadlines(),
        space: @escaping @Sendable (String) -> Space?
    ) {
        self.database = database
        self.access = access
        self.logger = logger
        self.deadlines = deadlines
        self.space = space
    }

    func embed(_ text: String, model: String) async throws -> (vector: [Float], space: String) {
        let reply = try await embed([text], model: model)
        return (reply.vectors, reply.space)
    }

    /// Embeds texts on any worker that runs `model`.
    ///
    /// - Throws: ``NoWorker`` where none answers; `InferenceError` of code `refused` where one says no.
    func embed(_ texts: [String], model: String) async throws -> InferenceClient.Reply {
        let end = ContinuousClock.now + deadlines.all
        var endpoints = try await endpoints(model)
        var last: InferenceError?
        while let endpoint = balance.choose(among: endpoints, now: .now), .now < end {
            endpoints.removeAll { $0 == endpoint }
            do {
                return try await ask(
                    endpoint, texts, model, within: min(deadlines.one, ContinuousClock.now.duration(to: end)))
            } catch let error as InferenceError where error.isRetryable {
                last = error
            }
        }
        if let last {
            throw NoWorker(message: "no worker answered: \(last.message); try again in a moment")
        }
        let rest = balance.shortestRest(among: endpoints, now: .now)
        throw NoWorker(
            message: "no worker answered a moment ago, and none is asked again yet: look at the workers' logs",
            retryAfterSeconds: max(1, Int(rest.seconds.rounded(.up))))
    }

    private func ask(
        _ endpoint: InferenceEndpoint, _ texts: [String], _ model: String, within deadline: Duration
    ) async throws -> InferenceClient.Reply {
        balance.began(endpoint)
        do {
            let reply = try await client(endpoint).embed(texts, model: model, deadline: deadline)
            try check(reply, model)
            balance.ended(endpoint, failed: false, now: .now)
            return reply
        } catch let error as InferenceError {
            balance.ended(endpoint, failed: error.isRetryable, now: .now)
            if error.code == .unreachable { clients.removeValue(forKey: endpoint)?.close() }
            if error.isRetryable { log("a worker did not answer a query", endpoint, error.message) }
            throw error
        } catch {
            balance.ended(endpoint, failed: true, now: .now)
            throw error
        }
    }

    /// A worker of another version may take other vectors for the model's; they would compare to nothing here.
    private func check(_ reply: InferenceClient.Reply, _ model: String) throws(InferenceError) {
        guard let known = space(model), known.id != reply.space || known.dimension != reply.dimension else { return }
        throw InferenceError(
            .otherSpace,
            "the worker runs model \"\(model)\" in space \(reply.space), and this server has it in \(known.id): run one version of Millrace on both"
        )
    }

    /// The places of the workers that have the model loaded and may be called from here.
    private func endpoints(_ model: String) async throws -> [InferenceEndpoint] {
        let workers = try await database.read { connection in try WorkerStore().list(on: connection) }
        let ready = workers.filter { $0.state == "ready" }
        forget(except: Set(ready.compactMap { $0.endpoint.flatMap(InferenceEndpoint.init) }))
        var usable: [InferenceEndpoint] = []
        var faults: [String] = []
        for worker in ready where worker.model == model {
            guard let endpoint = worker.endpoint.flatMap(InferenceEndpoint.init) else { continue }
            if let fault = access.fault(of: endpoint, workerHost: worker.host) {
                faults.append("worker \(worker.name) \(fault)")
            } else {
                usable.append(endpoint)
            }
        }
        guard usable.isEmpty else { return usable }
        throw NoWorker(
            message: faults.first.map { "no worker that runs model \"\(model)\" can be asked from here: \($0)" }
                ?? "no worker runs model \"\(model)\" at the moment: start one with millrace worker, or wait while it loads"
        )
    }

    private func forget(except present: Set<InferenceEndpoint>) {
        balance.keep(only: present)
        for (endpoint, client) in clients where !present.contains(endpoint) {
            client.close()
            clients[endpoint] = nil
        }
    }

    private func client(_ endpoint: InferenceEndpoint) throws -> InferenceClient {
        if let client = clients[endpoint] { return client }
        let client = try access.client(endpoint)
        clients[endpoint] = client
        return client
    }

    private func log(_ message: Logger.Message, _ endpoint: InferenceEndpoint, _ fault: String) {
        guard logged.insert("\(endpoint) \(fault)").inserted else { return }
        if logged.count > 1000 { logged = [] }
        logger.warning(message, metadata: ["endpoint": "\(endpoint)", "error": "\(fault)"])
    }

    /// Ends all connections.
    func close() {
        for client in clients.values { client.close() }
        clients = [:]
    }
}
