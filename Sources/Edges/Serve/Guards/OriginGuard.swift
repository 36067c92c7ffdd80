import HTTPTypes
import Hummingbird

/// Refuses requests that a page of another site makes a browser send, and bodies that are not JSON.
///
/// A browser lets any page post a form, or `text/plain` by `fetch`, to any address without asking the server first;
/// JSON it may not. There are no CORS headers here, so the question that it would ask (`OPTIONS`) is refused too.
struct OriginGuard: RouterMiddleware {
    /// Where a form is posted, by a page of ours that needs no script.
    static let formPath = "/login"

    func handle(
        _ request: Request, context: ServeContext, next: @concurrent (Request, ServeContext) async throws -> Response
    ) async throws -> Response {
        if request.method == .get || request.method == .head {
            if request.announcesBody {
                throw Refusal(
                    .badRequest, "A \(request.method.rawValue) request has no body here.",
                    hint: "Put the values into the query.")
            }
        } else {
            try checkOrigin(request)
            try checkContent(request)
        }
        return try await next(request, context)
    }

    /// The two headers are forbidden to scripts: a page cannot set or remove them.
    private func checkOrigin(_ request: Request) throws(Refusal) {
        let site = request.headers[.secFetchSite]
        var isOurs = site == nil || site == "same-origin" || site == "none"
        if let origin = request.headers[.origin] {
            isOurs = isOurs && Self.host(ofOrigin: origin) == request.head.authority?.lowercased()
        }
        guard isOurs else {
            throw Refusal(
                .forbiddenOrigin, "A page of another site may not send this request.",
                hint: "Send it from this server's own page, or from a program without an Origin header.")
        }
    }

    private func checkContent(_ request: Request) throws(Refusal) {
        guard request.method == .post else { return }
        let type = request.headers[.contentType]?.split(separator: ";").first?.lowercased()
            .filter { $0 != " " && $0 != "\t" }
        if request.uri.path == Self.formPath {
            guard type == "application/x-www-form-urlencoded" else {
                throw Refusal(
                    .unsupportedMediaType, "The body must be a form.",
                    hint: "Open \(Self.formPath) in a browser; programs send Authorization: Bearer TOKEN instead.")
            }
            return
        }
        guard type == "application/json" else {
            throw Refusal(
                .unsupportedMediaType, "The body must be JSON.", hint: "Send the header Content-Type: application/json."
            )
        }
    }

    /// `localhost:8000` of `http://localhost:8000`; nil for `null` and other schemes.
    static func host(ofOrigin origin: String) -> String? {
        let origin = origin.lowercased()
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            return String(origin.dropFirst(scheme.count))
        }
        return nil
    }
}

extension HTTPField.Name {
    /// Who made the browser send a request (Fetch Metadata, W3C).
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
}
