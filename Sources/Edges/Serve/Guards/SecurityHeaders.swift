import HTTPTypes
import Hummingbird

/// The headers that keep a browser from doing with our answers what they are not for.
struct SecurityHeaders: RouterMiddleware {
    /// Everything from here and nowhere else; no frames round us, no plugins, no other base.
    static let policy = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"

    func handle(
        _ request: Request, context: ServeContext, next: @concurrent (Request, ServeContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.contentSecurityPolicy] = Self.policy
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[HTTPField.Name("Referrer-Policy")!] = "no-referrer"
        response.headers[HTTPField.Name("Cross-Origin-Resource-Policy")!] = "same-origin"
        return response
    }
}
