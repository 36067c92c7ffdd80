import Core
import DatabaseSQLite
import Embedding
import FoundationEssentials
import InferenceRPC
import Logging
import Search
import Serve
import Sources

/// Answers the HTTP server from the stores, the index and the workers.
struct ServerBackend: Backend {
    let database: any Database
    let index: LiveIndex
    let search: SearchService
    let router: QueryRouter
    let meter: RateMeter
    let settings: Settings
    let logger: Logger
    private let jobStore = JobStore()

    init(
        database: any Database, index: LiveIndex, search: SearchService, router: QueryRouter, meter: RateMeter,
        settings: Settings, logger: Logger
    ) {
        self.database = database
        self.index = index
        self.search = search
        self.router = router
        self.meter = meter
        self.settings = settings
        self.logger = logger
    }

    // MARK: Search and embed

    func search(_ request: SearchRequest) async throws(BackendError) -> Serve.SearchAnswer {
        let began = ContinuousClock.now
        let like: SearchQuery.Like =
            switch request.probe {
            case .text(let text): .text(text)
            case .vector(let vector): .vector(vector)
            case .item(let key): .item(key: key)
            }
        return try await translated {
            let answer = try await search.search(
                SearchQuery(like, k: request.count, collection: request.collection))
            return Serve.SearchAnswer(
                collection: answer.collections.joined(separator: ","), method: .exact,
                tookMs: (began.duration(to: .now).seconds * 1_000_000).rounded() / 1000,
                results: answer.results.map {
                    .init(key: $0.item.key, score: Float($0.score), text: $0.item.text, collection: $0.item.collection)
                })
        }
    }

    func embed(_ texts: [String], model: String) async throws(BackendError) -> Serve.Embeddings {
        guard settings.space(of: model) != nil else {
            throw BackendError(
                .unknownModel, "there is no model \"\(model)\"", hint: "see GET /v1/models for those that are served",
                field: "model")
        }
        return try await translated {
            let reply = try await router.embed(texts, model: model)
            return Serve.Embeddings(
                values: reply.vectors, dimension: reply.dimension, tokenCounts: reply.tokenCounts)
        }
    }

    func models() async throws(BackendError) -> [Serve.Model] {
        try await translated {
            let workers = try await database.read { connection in try WorkerStore().list(on: connection) }
            let names = Set(workers.filter { $0.state == "ready" }.compactMap(\.model))
            return names.sorted().compactMap { name in
                settings.space(of: name).map { .init(name: name, dimension: $0.dimension, createdSeconds: 0) }
            }
        }
    }

    // MARK: Jobs

    func jobs(_ query: JobsQuery) async throws(BackendError) -> JobsPage {
        try await translated {
            let store = jobStore
            let (jobs, names) = try await database.read { connection -> ([ListedJob], [SourceID: String]) in
                let sources = try SourceStore().all(on: connection)
                let names = Dictionary(uniqueKeysWithValues: sources.map { ($0.id, $0.collection) })
                let source = try query.collection.map { try SourceStore().named($0, on: connection).id }
                if query.state == .dead {
                    let after = Self.deadCursor(query.cursor)
                    return (try store.listDead(source: source, after: after, limit: query.limit, on: connection), names)
                }
                let after = query.cursor.flatMap { Int64($0) } ?? 0
                let jobs = try store.list(
                    query.state.rawValue, source: source, after: after, limit: query.limit, on: connection)
                return (jobs, names)
            }
            let next = jobs.count < query.limit ? nil : jobs.last.map(Self.cursor)
            return JobsPage(jobs: jobs.map { summary($0, names) }, nextCursor: next)
        }
    }

    private static func cursor(after job: ListedJob) -> String {
        job.state == "dead" ? "\(job.source):\(job.key.literal)" : "\(job.id)"
    }

    private static func deadCursor(_ cursor: String?) -> (source: SourceID, key: Key)? {
        guard let parts = cursor?.split(separator: ":", maxSplits: 1), parts.count == 2, let id = Int64(parts[0]) else {
            return nil
        }
        return (SourceID(id), Key(literal: String(parts[1])))
    }

    private func summary(_ job: ListedJob, _ names: [SourceID: String]) -> JobSummary {
        JobSummary(
            id: job.id, collection: names[job.source] ?? "?", key: job.key.description,
            state: Serve.JobState(rawValue: job.state) ?? .available, attempt: job.attempt, reason: job.reason,
            error: job.error, since: job.moment?.iso8601 ?? "")
    }

    func retry(_ selection: RetrySelection) async throws(BackendError) -> Int {
        try await translated {
            try await FailedRows(database: database).retry(
                collection: selection.collection, reason: selection.reason, key: selection.key)
        }
    }

    // MARK: Readiness

    func readiness() async -> [String] {
        var reasons: [String] = []
        if !(await index.isReady) { reasons.append("the index is being rebuilt from the database") }
        do {
            // A real write: a full or read-only disk shows only then.
            try await database.write { connection in
                try connection.run(
                    .both(
                        """
                        INSERT INTO \(Table.meta)(name, value) VALUES ('probed_at', :now)
                        ON CONFLICT (name) DO UPDATE SET value = excluded.value
                        """), ["now": .text("\(Timestamp.now().microseconds)")])
            }
        } catch {
            reasons.append("the database cannot be written: \(error)")
        }
        return reasons
    }

    // MARK: Errors

    /// Runs `body` and puts its errors into the terms of the HTTP server.
    func translated<Answer>(_ body: () async throws -> Answer) async throws(BackendError) -> Answer {
        do {
            return try await body()
        } catch let error as BackendError {
            throw error
        } catch let error as SearchError {
            throw Self.translate(error)
        } catch let error as SourceError {
            throw BackendError(
                .unknownCollection, error.message, hint: "see GET /api/status for the collections", field: "collection")
        } catch let error as QueryRouter.NoWorker {
            throw BackendError(
                .noWorker, error.message, hint: "millrace doctor says what a worker lacks",
                retryAfterSeconds: error.retryAfterSeconds)
        } catch let error as InferenceError {
            throw BackendError(.unavailable, error.message, hint: "look at the worker's log", retryAfterSeconds: 2)
        } catch let error as DatabaseError where error.code == .full {
            throw BackendError(
                .diskFull, error.message, hint: "free some space; nothing was kept", retryAfterSeconds: 10)
        } catch let error as DatabaseError where error.isRetryable {
            throw BackendError(.unavailable, error.message, hint: "try again in a moment", retryAfterSeconds: 1)
        } catch {
            logger.error("a request failed", metadata: ["error": "\(error)"])
            throw BackendError(.failed, "the request could not be answered", hint: "the server's log says why")
        }
    }

    private static func translate(_ error: SearchError) -> BackendError {
        switch error.code {
        case .noCollection:
            BackendError(.unknownCollection, error.message, hint: "millrace source add --help shows how")
        case .unknownCollection:
            BackendError(.unknownCollection, error.message, hint: "choose one of those", field: "collection")
        case .unknownItem:
            BackendError(
                .unknownItem, error.message, hint: "only rows that are embedded can be compared", field: "item")
        case .badQuery:
            BackendError(.invalidRequest, error.message, hint: "correct the query", field: "q")
        case .notReady:
            BackendError(.unavailable, error.message, hint: "see /readyz", retryAfterSeconds: 1)
        case .spaceMismatch:
            BackendError(.conflict, error.message, hint: "wait until the backfill is done", field: "collection")
        }
    }
}
