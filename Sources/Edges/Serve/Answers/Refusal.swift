package import HTTPTypes

/// A request that is answered by an error: one shape for every route.
///
/// `{"error": {"code": "bad_request", "message": "…", "hint": "…"}}`, with `field` where one parameter is at fault.
package struct Refusal: Error, Sendable, CustomStringConvertible {
    /// The stable word in the answer; the page has a text for each.
    package enum Code: String, Sendable, CaseIterable {
        case badRequest = "bad_request"
        case unauthorized = "unauthorized"
        case tooManyAttempts = "too_many_attempts"
        case forbiddenHost = "forbidden_host"
        case forbiddenOrigin = "forbidden_origin"
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case conflict = "conflict"
        case tooLarge = "too_large"
        case unsupportedMediaType = "unsupported_media_type"
        case tooManySubscribers = "too_many_subscribers"
        case unknownCollection = "unknown_collection"
        case unknownItem = "unknown_item"
        case unknownModel = "unknown_model"
        case noWorker = "no_worker"
        case unavailable = "unavailable"
        case diskFull = "disk_full"
        case failed = "failed"
    }

    package let code: Code
    package let message: String
    package let hint: String
    package let field: String?
    package let retryAfterSeconds: Int?
    /// The methods that the route has, for ``Code/methodNotAllowed``.
    package let allow: String?

    package init(
        _ code: Code, _ message: String, hint: String, field: String? = nil, retryAfterSeconds: Int? = nil,
        allow: String? = nil
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field
        self.retryAfterSeconds = retryAfterSeconds
        self.allow = allow
    }

    package init(_ error: BackendError) {
        let code: Code =
            switch error.code {
            case .invalidRequest: .badRequest
            case .unknownCollection: .unknownCollection
            case .unknownItem: .unknownItem
            case .unknownModel: .unknownModel
            case .conflict: .conflict
            case .tooLarge: .tooLarge
            case .noWorker: .noWorker
            case .unavailable: .unavailable
            case .diskFull: .diskFull
            case .failed: .failed
            }
        // A client that is told 503 without a time asks again at once; ten seconds is the time to take over a lease.
        let wait: Int? = code.status == .serviceUnavailable ? error.retryAfterSeconds ?? 10 : error.retryAfterSeconds
        self.init(code, error.message, hint: error.hint, field: error.field, retryAfterSeconds: wait)
    }

    /// Whether the request was turned away before its body was read.
    var leavesBodyUnread: Bool {
        switch code {
        case .unauthorized, .tooManyAttempts, .forbiddenHost, .forbiddenOrigin, .notFound, .methodNotAllowed,
            .unsupportedMediaType, .tooLarge,
            .badRequest:
            true
        default: false
        }
    }

    package var description: String {
        message
    }
}

extension Refusal.Code {
    package var status: HTTPResponse.Status {
        switch self {
        case .badRequest: .badRequest
        case .unauthorized: .unauthorized
        case .tooManyAttempts: .tooManyRequests
        case .forbiddenHost, .forbiddenOrigin: .forbidden
        case .notFound, .unknownCollection, .unknownItem, .unknownModel: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .conflict: .conflict
        case .tooLarge: .contentTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .tooManySubscribers, .noWorker, .unavailable: .serviceUnavailable
        case .diskFull: .init(code: 507, reasonPhrase: "Insufficient Storage")
        case .failed: .internalServerError
        }
    }
}
