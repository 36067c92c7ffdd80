import HTTPTypes
import Hummingbird

/// The routes, and an answer for every method that a path has not.
struct RouteTable {
    typealias Handler = @Sendable (Request, ServeContext) async throws -> Response

    let router: Router<ServeContext>
    /// What each path answers to.
    private(set) var methods: [String: [HTTPRequest.Method]] = [:]

    init(middlewares: [any MiddlewareProtocol<Request, Response, ServeContext>]) {
        router = Router(context: ServeContext.self)
        for middleware in middlewares {
            router.add(middleware: middleware)
        }
    }

    /// - Parameter hasHead: Whether HEAD answers with the headers of GET; not for streams.
    mutating func get(_ path: String, hasHead: Bool = true, _ handler: @escaping Handler) {
        router.on(RouterPath(path), method: .get, use: handler)
        methods[path, default: []].append(.get)
        if hasHead {
            router.on(RouterPath(path), method: .head) { request, context in
                try await handler(request, context).createHeadResponse()
            }
            methods[path, default: []].append(.head)
        }
    }

    mutating func post(_ path: String, _ handler: @escaping Handler) {
        router.on(RouterPath(path), method: .post, use: handler)
        methods[path, default: []].append(.post)
    }

    /// - Returns: The responder, with 405 and `Allow` for the other methods of each path.
    func responder() -> some HTTPResponder<ServeContext> {
        let all: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace]
        for (path, known) in methods {
            let allow = known.map(\.rawValue).joined(separator: ", ")
            for method in all where !known.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    throw Refusal(
                        .methodNotAllowed, "\(path) has no \(method.rawValue).", hint: "It has \(allow).", allow: allow)
                }
            }
        }
        return router.buildResponder()
    }
}
