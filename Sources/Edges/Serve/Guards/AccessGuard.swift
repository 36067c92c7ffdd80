import HTTPTypes
import Hummingbird

/// Refuses requests without the admin token, where one is set: every path but the few that say nothing.
struct AccessGuard: RouterMiddleware {
    /// Compared with the path as it was sent, so that no other spelling of a path slips through.
    static let openPaths: Set<String> = ["/healthz", "/readyz", "/login", "/page.css", "/favicon.svg"]

    /// nil where no token is set: then everyone who can reach the server may ask.
    let keeper: AccessKeeper?

    func handle(
        _ request: Request, context: ServeContext, next: @concurrent (Request, ServeContext) async throws -> Response
    ) async throws -> Response {
        guard let keeper else { return try await next(request, context) }
        var context = context
        if Self.openPaths.contains(request.uri.path) {
            // Readiness has details for those who may see them; nobody else learns whether a token is right.
            context.isTrusted = request.uri.path == "/readyz" ? try await admits(keeper, request, context) : false
            return try await next(request, context)
        }
        guard try await admits(keeper, request, context) else {
            if Self.isNavigation(request) {
                return Response(status: .seeOther, headers: [.location: "/login", .cacheControl: "no-store"])
            }
            throw Refusal.unauthorized
        }
        return try await next(request, context)
    }

    private func admits(
        _ keeper: AccessKeeper, _ request: Request, _ context: ServeContext
    ) async throws -> Bool {
        try await keeper.admits(request, from: context.throttleAddress, cookie: context.cookieName)
    }

    /// Whether a person opens the page in a browser: that one is sent to the form, a program is told no.
    private static func isNavigation(_ request: Request) -> Bool {
        request.method == .get && request.uri.path == "/" && request.headers[.authorization] == nil
            && request.headers[.accept]?.contains("text/html") == true
    }
}
