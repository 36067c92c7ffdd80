/// Why the backend did not answer, in terms that an HTTP status can be chosen by.
package struct BackendError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// A value is outside what is allowed; ``BackendError/field`` names it.
        case invalidRequest
        /// No collection of this name is kept.
        case unknownCollection
        /// The collection has no item of this key.
        case unknownItem
        /// No model of this name is served.
        case unknownModel
        /// The request contradicts what is there.
        case conflict
        /// The texts are more or longer than one request may carry.
        case tooLarge
        /// No worker can embed at present.
        case noWorker
        /// The database or the index is too busy, or not loaded yet.
        case unavailable
        /// The disk is full; nothing was kept.
        case diskFull
        /// A broken promise of our own; the log has the cause.
        case failed
    }

    package let code: Code
    /// One sentence: what is wrong and where.
    package let message: String
    /// What to do about it.
    package let hint: String
    /// The parameter at fault, if one is.
    package let field: String?
    /// When asking again may help, in whole seconds.
    package let retryAfterSeconds: Int?

    package init(
        _ code: Code, _ message: String, hint: String, field: String? = nil, retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// Whether the same request may succeed later without anyone changing anything.
    package var isRetryable: Bool {
        switch code {
        case .noWorker, .unavailable, .diskFull: true
        case .invalidRequest, .unknownCollection, .unknownItem, .unknownModel, .conflict, .tooLarge, .failed: false
        }
    }

    package var description: String {
        message
    }
}
