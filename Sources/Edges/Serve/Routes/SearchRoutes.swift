import Hummingbird

/// `GET` and `POST /api/search`.
struct SearchRoutes {
    let backend: any Backend

    func add(to table: inout RouteTable) {
        table.get("/api/search") { request, _ in
            let query = try QueryParameters(request.uri.query, known: ["q", "k", "collection"])
            guard let text = query.text("q") else {
                throw Refusal(
                    .badRequest, "q is missing or empty.", hint: "Say what to search for: /api/search?q=hinge",
                    field: "q")
            }
            let count = try query.number("k", in: Self.counts, default: 10)
            return try await answer(SearchRequest(.text(text), count: count, collection: query.text("collection")))
        }
        table.post("/api/search") { request, context in
            let body = try JSONBody.decode(SearchBody.self, from: try await context.body(of: request))
            return try await answer(try body.request())
        }
    }

    static let counts = 1...SearchRequest.maximumCount

    private func answer(_ request: SearchRequest) async throws -> Response {
        try Answer.json(try await backend.search(request))
    }
}

/// `{"text": "…"}`, `{"vector": [...]}` or `{"item": "key"}`, with `k` and `collection`.
struct SearchBody: Decodable {
    let text: String?
    let vector: [Float]?
    let item: String?
    let k: Int?
    let collection: String?

    func request() throws(Refusal) -> SearchRequest {
        let count = k ?? 10
        guard SearchRoutes.counts.contains(count) else {
            throw .outOfRange("k", SearchRoutes.counts)
        }
        let collection = collection.flatMap { $0.isEmpty ? nil : $0 }
        return SearchRequest(try probe(), count: count, collection: collection)
    }

    private func probe() throws(Refusal) -> SearchRequest.Probe {
        switch (text, vector, item) {
        case (let text?, nil, nil):
            guard !text.isEmpty else { throw Self.empty("text") }
            return .text(text)
        case (nil, let vector?, nil):
            guard !vector.isEmpty else { throw Self.empty("vector") }
            return .vector(vector)
        case (nil, nil, let item?):
            guard !item.isEmpty else { throw Self.empty("item") }
            return .item(item)
        default:
            throw Refusal(
                .badRequest, "The body must have exactly one of text, vector and item.",
                hint: "For example {\"text\": \"hinge\", \"k\": 10}.", field: "text")
        }
    }

    private static func empty(_ field: String) -> Refusal {
        Refusal(.badRequest, "\(field) is empty.", hint: "Say what to search for.", field: field)
    }
}
