import Core
import InferenceRPC
import Logging
import Search

/// Sends a query's text to a worker that runs the model, and to another one if that does not answer.
actor QueryRouter: QueryEmbedder {
    /// Why no worker embedded the query.
    struct NoWorker: Error, Sendable, CustomStringConvertible {
        let message: String
        var description: String { message }
    }

    private let database: any Database
    private let deadline: Duration
    private var clients: [String: InferenceClient] = [:]
    private var next = 0

    init(database: any Database, deadline: Duration = .seconds(5)) {
        self.database = database
        self.deadline = deadline
    }

    func embed(_ text: String, model: String) async throws -> (vector: [Float], space: String) {
        let reply = try await embed([text], model: model)
        return (reply.vectors, reply.space)
    }

    /// Embeds texts on any worker that runs `model`.
    ///
    /// - Throws: ``NoWorker`` where none answers; `InferenceError` of code `refused` where one says no.
    func embed(_ texts: [String], model: String) async throws -> InferenceClient.Reply {
        let endpoints = try await endpoints(model)
        guard !endpoints.isEmpty else {
            throw NoWorker(
                message:
                    "no worker runs model \"\(model)\" at the moment: start one with millrace worker, or wait while it loads"
            )
        }
        next += 1
        var last: InferenceError?
        for offset in endpoints.indices {
            let endpoint = endpoints[(next + offset) % endpoints.count]
            do {
                return try await client(endpoint).embed(texts, model: model, deadline: deadline)
            } catch let error as InferenceError where error.isRetryable {
                clients.removeValue(forKey: endpoint)?.close()
                last = error
            }
        }
        throw NoWorker(message: "no worker answered: \(last?.message ?? "none is there"); try again in a moment")
    }

    /// The unix sockets of the workers that have the model loaded, newest worker first.
    private func endpoints(_ model: String) async throws -> [String] {
        let workers = try await database.read { connection in try WorkerStore().list(on: connection) }
        let paths = workers.compactMap { worker -> String? in
            guard worker.state == "ready", worker.model == model, worker.host == ThisProcess.host,
                let endpoint = worker.endpoint, endpoint.hasPrefix("unix:")
            else { return nil }
            return String(endpoint.dropFirst("unix:".count))
        }
        for (path, client) in clients where !paths.contains(path) {
            client.close()
            clients[path] = nil
        }
        return paths
    }

    private func client(_ path: String) throws -> InferenceClient {
        if let client = clients[path] { return client }
        let client = try InferenceClient(path: path)
        clients[path] = client
        return client
    }

    /// Ends all connections.
    func close() {
        for client in clients.values { client.close() }
        clients = [:]
    }
}
