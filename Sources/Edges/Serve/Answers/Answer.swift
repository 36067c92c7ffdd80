import FoundationEssentials
import HTTPTypes
import Hummingbird

/// How values become HTTP responses.
enum Answer {
    /// `value` as JSON with names in snake case.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json; charset=utf-8"
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: try bytes(value)))
    }

    static func text(_ text: String, type: String = "text/plain; charset=utf-8", status: HTTPResponse.Status = .ok)
        -> Response
    {
        var headers = HTTPFields()
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// Names are sorted, so that equal values have equal bytes.
    static func bytes(_ value: some Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(value))
    }

    /// A refusal in the shape of the route's family: OpenAI's under `/v1`, Millrace's elsewhere.
    static func refusal(_ refusal: Refusal, path: String) -> Response {
        let status = refusal.code.status
        var response: Response
        do {
            response =
                path.hasPrefix("/v1/")
                ? try json(OpenAIProblem(refusal), status: status) : try json(Problem(refusal), status: status)
        } catch {
            // Strings alone are encoded above, so this is not reached; the status still tells.
            response = text(refusal.message, status: status)
        }
        if let seconds = refusal.retryAfterSeconds {
            response.headers[.retryAfter] = String(seconds)
        }
        if refusal.code == .unauthorized {
            response.headers[.wwwAuthenticate] = "Bearer realm=\"millrace\""
        }
        if let allow = refusal.allow {
            response.headers[.allow] = allow
        }
        return response
    }
}

/// Millrace's own error object.
struct Problem: Encodable {
    struct Content: Encodable {
        let code: String
        let message: String
        let hint: String
        let field: String?
    }

    let error: Content

    init(_ refusal: Refusal) {
        error = Content(
            code: refusal.code.rawValue, message: refusal.message, hint: refusal.hint, field: refusal.field)
    }
}

/// OpenAI's error object: `{"error": {"message", "type", "param", "code"}}`, all four always there.
/// Source: the API reference, and `openai-python`'s `APIError`, which reads `type`, `param` and `code`.
struct OpenAIProblem: Encodable {
    struct Content: Encodable {
        let message: String
        let type: String
        let param: String?
        let code: String

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(message, forKey: .message)
            try container.encode(type, forKey: .type)
            try container.encode(param, forKey: .param)
            try container.encode(code, forKey: .code)
        }

        enum CodingKeys: String, CodingKey {
            case message, type, param, code
        }
    }

    let error: Content

    init(_ refusal: Refusal) {
        error = Content(
            message: refusal.hint.isEmpty ? refusal.message : "\(refusal.message) \(refusal.hint)",
            type: refusal.code.status.code >= 500 ? "server_error" : "invalid_request_error",
            param: refusal.field,
            code: Self.code(refusal.code))
    }

    /// OpenAI's own word where it has one.
    private static func code(_ code: Refusal.Code) -> String {
        switch code {
        case .unknownModel: "model_not_found"
        case .unauthorized: "invalid_api_key"
        case .tooManyAttempts: "rate_limit_exceeded"
        default: code.rawValue
        }
    }
}
