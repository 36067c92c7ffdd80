import HTTPTypes
import Hummingbird
import Messages
import NIOCore

/// `/login` and `/logout`: how a browser comes by its cookie, and `GET /api/session`, which tells the page whether
/// there is something to sign out of.
struct SessionRoutes {
    /// A form with one token needs no more.
    static let formBytes = 4096

    /// nil where no token is set: then there is nothing to sign in to.
    let keeper: AccessKeeper?
    let isSecure: Bool

    func add(to table: inout RouteTable) {
        table.get("/login") { request, context in
            guard let keeper, !keeper.holdsSession(request, cookie: context.cookieName) else { return Self.home() }
            return LoginPage(request).response()
        }
        table.post("/login") { request, context in
            guard let keeper else { return Self.home() }
            return try await signIn(request, context, keeper)
        }
        table.post("/logout") { request, context in
            keeper?.signOut(request, cookie: context.cookieName)
            var response = try Answer.json(Session(login: false))
            response.headers[.setCookie] = cookie(context, value: "", seconds: 0, request)
            return response
        }
        table.get("/api/session") { _, _ in
            try Answer.json(Session(login: keeper != nil))
        }
    }

    private struct Session: Encodable {
        /// Whether the server asks for a token, so that signing out means something.
        let login: Bool
    }

    private func signIn(_ request: Request, _ context: ServeContext, _ keeper: AccessKeeper) async throws -> Response {
        let body = try await context.body(of: request, limit: Self.formBytes)
        let form = try QueryParameters(String(buffer: body), known: ["token"])
        let page = LoginPage(request)
        do {
            guard let id = try await keeper.signIn(form.text("token") ?? "", from: context.throttleAddress) else {
                return page.response(problem: .loginWrong, status: .unauthorized)
            }
            var response = Self.home()
            response.headers[.setCookie] = cookie(
                context, value: id, seconds: Int(Sessions.lifetime.components.seconds), request)
            return response
        } catch let refusal as Refusal where refusal.code == .tooManyAttempts {
            var response = page.response(problem: .loginTooMany, status: .tooManyRequests)
            response.headers[.retryAfter] = refusal.retryAfterSeconds.map(String.init)
            return response
        }
    }

    private static func home() -> Response {
        Response(status: .seeOther, headers: [.location: "/", .cacheControl: "no-store"])
    }

    /// Strict: no page of another site can make a browser send it. Behind a proxy that ends TLS the proxy's word is
    /// taken for Secure: who lies about that loses only a cookie of one's own.
    private func cookie(_ context: ServeContext, value: String, seconds: Int, _ request: Request) -> String {
        let isSecure = isSecure || request.headers[HTTPField.Name("X-Forwarded-Proto")!]?.lowercased() == "https"
        return "\(context.cookieName)=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Strict"
            + (isSecure ? "; Secure" : "")
    }
}
