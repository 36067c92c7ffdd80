import Serve
import Synchronization

/// A backend in memory, openly a fake: it keeps a status, answers searches from a short list, and writes down what it
/// was asked. It stands in for the stores, the index and the workers, never for the HTTP server or its peers.
final class FakeBackend: Backend {
    struct State {
        var status: Status
        var jobs: [JobSummary] = []
        var items: [SearchAnswer.Result] = []
        var reasonsNotReady: [String] = []
        /// What every call throws, if anything.
        var failure: BackendError?
        var searches: [SearchRequest] = []
        var retries: [RetrySelection] = []
        var statusCalls = 0
    }

    static let model = Model(name: "all-MiniLM-L6-v2", dimension: 4, createdSeconds: 1_790_000_000)

    private let state: Mutex<State>

    init(_ state: State = State(status: Status(version: "0.1.0", jobs: JobCounts(), rate: Rate()))) {
        self.state = Mutex(state)
    }

    var snapshot: State {
        state.withLock { $0 }
    }

    func change(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
    }

    func status() async throws(BackendError) -> Status {
        try answer { state in
            state.statusCalls += 1
            return state.status
        }
    }

    func jobs(_ query: JobsQuery) async throws(BackendError) -> JobsPage {
        try answer { state in
            let start = query.cursor.flatMap { Int($0) } ?? 0
            let all = state.jobs.filter {
                $0.state == query.state && (query.collection == nil || $0.collection == query.collection)
            }
            let end = min(start + query.limit, all.count)
            return JobsPage(jobs: Array(all[min(start, end)..<end]), nextCursor: end < all.count ? String(end) : nil)
        }
    }

    func retry(_ selection: RetrySelection) async throws(BackendError) -> Int {
        try answer { state in
            state.retries.append(selection)
            let isChosen = { (job: JobSummary) in
                (job.state == .dead || job.state == .held)
                    && (selection.collection == nil || selection.collection == job.collection)
                    && (selection.reason == nil || selection.reason == job.reason)
                    && (selection.key == nil || selection.key == job.key)
            }
            let chosen = state.jobs.filter(isChosen)
            for index in state.jobs.indices where isChosen(state.jobs[index]) {
                state.jobs[index].state = .available
            }
            state.status.jobs.available += chosen.count
            state.status.jobs.dead -= chosen.count { $0.state == .dead }
            state.status.jobs.held -= chosen.count { $0.state == .held }
            for job in chosen {
                for index in state.status.failures.indices where state.status.failures[index].reason == job.reason {
                    state.status.failures[index].count -= 1
                }
            }
            state.status.failures.removeAll { $0.count <= 0 }
            return chosen.count
        }
    }

    func search(_ request: SearchRequest) async throws(BackendError) -> SearchAnswer {
        let answer = try answer { state in
            state.searches.append(request)
            let collection = request.collection ?? state.items.first?.collection ?? "parts"
            let found = state.items.filter { $0.collection == collection && .item($0.key) != request.probe }
            return SearchAnswer(
                collection: collection, method: .exact, tookMs: 1.25, results: Array(found.prefix(request.count)))
        }
        if request.collection == "nowhere" {
            throw BackendError(
                .unknownCollection, "There is no collection nowhere.", hint: "Collections are: parts.",
                field: "collection")
        }
        return answer
    }

    func embed(_ texts: [String], model: String) async throws(BackendError) -> Embeddings {
        guard model == Self.model.name else {
            throw BackendError(
                .unknownModel, "The model \(model) is not served here.", hint: "GET /v1/models lists them.",
                field: "model")
        }
        return try answer { _ in
            // A vector that tells its text: the number of bytes, then fractions that base64 must carry exactly.
            let values = texts.flatMap { text -> [Float] in [Float(text.utf8.count), 0.1, -1.5e-7, 1 / 3] }
            return Embeddings(
                values: values, dimension: 4, tokenCounts: texts.map { $0.split(separator: " ").count + 2 })
        }
    }

    func models() async throws(BackendError) -> [Model] {
        try answer { _ in [Self.model] }
    }

    func readiness() async -> [String] {
        snapshot.reasonsNotReady
    }

    func metrics() async throws(BackendError) -> [Metric] {
        try answer { state in
            [
                Metric(
                    "millrace_jobs", "Jobs by state.\nFinished ones are \\gone\\.", .gauge,
                    [
                        .init(Double(state.status.jobs.available), [.init("state", "available")]),
                        .init(
                            Double(state.status.jobs.dead), [.init("state", "dead"), .init("note", "a \"b\"\\\n한국어")]),
                    ]),
                Metric("millrace_embedded_total", "Texts embedded.", .counter, [.init(63_112)]),
            ]
        }
    }

    private func answer<Value>(_ body: (inout State) -> Value) throws(BackendError) -> Value {
        let (failure, value) = state.withLock { state in
            (state.failure, state.failure == nil ? body(&state) : nil)
        }
        if let failure {
            throw failure
        }
        return value!
    }
}
