import Hummingbird

/// `GET /api/jobs` and `POST /api/jobs/retry`.
struct JobsRoutes {
    let backend: any Backend

    func add(to table: inout RouteTable) {
        table.get("/api/jobs") { request, _ in
            let query = try QueryParameters(request.uri.query, known: ["state", "collection", "limit", "cursor"])
            guard let state = JobState(rawValue: query.text("state") ?? JobState.dead.rawValue) else {
                let states = JobState.allCases.map(\.rawValue).joined(separator: ", ")
                throw Refusal(
                    .badRequest, "state is none of the states of a job.", hint: "Give one of: \(states).",
                    field: "state")
            }
            let page = try await backend.jobs(
                JobsQuery(
                    state: state, collection: query.text("collection"),
                    limit: try query.number("limit", in: 1...500, default: 50), cursor: query.text("cursor")))
            return try Answer.json(page)
        }
        table.post("/api/jobs/retry") { request, context in
            let body = try await context.body(of: request)
            let selection = try JSONBody.decode(RetrySelection.self, from: body)
            return try Answer.json(RetryAnswer(count: try await backend.retry(selection)))
        }
    }

    private struct RetryAnswer: Encodable {
        let count: Int
    }
}
