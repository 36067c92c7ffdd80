import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// The middleware that turns whatever a route throws into the one error shape.
struct Refusals: RouterMiddleware {
    func handle(
        _ request: Request, context: ServeContext, next: @concurrent (Request, ServeContext) async throws -> Response
    ) async throws -> Response {
        let refusal: Refusal
        do {
            return try await next(request, context)
        } catch let error as Refusal {
            refusal = error
        } catch let error as BackendError {
            if error.code == .failed {
                context.logger.error("request failed", metadata: ["error": "\(error)"])
            }
            refusal = Refusal(error)
        } catch is NIOTooManyBytesError {
            refusal = .bodyTooLarge(limit: context.limits.bodyBytes)
        } catch let error as HTTPError where error.status == .notFound {
            refusal = Refusal(
                .notFound, "There is nothing at \(request.uri.path).",
                hint: "The API is under /api, OpenAI's shapes are under /v1, and the page is at /.")
        } catch {
            // What an unexpected error says is for the log: it may hold paths or texts.
            context.logger.error("request failed", metadata: ["error": "\(error)", "route": "\(request.uri.path)"])
            refusal = Refusal(
                .failed, "The server could not answer this request.", hint: "The server's log has the cause.")
        }
        var response = Answer.refusal(refusal, path: request.uri.path)
        if refusal.leavesBodyUnread, request.announcesBody {
            // What is left of the body would be read to its end before the next request, however long it is.
            response.headers[.connection] = "close"
            context.closeSoon()
        }
        return response
    }
}

extension Refusal {
    static func bodyTooLarge(limit: Int) -> Refusal {
        Refusal(
            .tooLarge, "The body is larger than \(limit) bytes.",
            hint: "Send it in several requests, or raise the server's limit.")
    }
}

extension Request {
    /// Whether the head says that a body follows.
    var announcesBody: Bool {
        headers.contains(.transferEncoding) || (headers[.contentLength].map { $0 != "0" } ?? false)
    }
}
