import HTTPTypes
import Hummingbird

/// The headers that keep a browser from doing with our answers what they are not for.
struct SecurityHeaders: RouterMiddleware {
    /// Everything from here and nowhere else; forms go to us, no frames round us, no plugins, no other base.
    static let policy =
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    let isSecure: Bool

    func handle(
        _ request: Request, context: ServeContext, next: @concurrent (Request, ServeContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.contentSecurityPolicy] = Self.policy
        response.headers[.xContentTypeOptions] = "nosniff"
        if response.headers[.referrerPolicy] == nil {
            response.headers[.referrerPolicy] = "no-referrer"
        }
        response.headers[HTTPField.Name("Cross-Origin-Resource-Policy")!] = "same-origin"
        if isSecure, !Self.isThisMachine(request, context) {
            response.headers[.strictTransportSecurity] = "max-age=31536000"
        }
        return response
    }

    /// Browsers keep the promise of HTTPS for a name on all its ports: said for localhost, it would cut off every other
    /// server there.
    private static func isThisMachine(_ request: Request, _ context: ServeContext) -> Bool {
        guard let authority = request.head.authority.flatMap({ Authority($0) }) else { return true }
        return ServerSettings.isLoopback(authority.host) || authority.host.hasSuffix(".localhost")
    }
}

extension HTTPField.Name {
    /// What a browser tells of the page that a request comes from (Referrer Policy, W3C).
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
