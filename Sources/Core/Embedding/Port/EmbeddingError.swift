/// Why a model could not be had, loaded or run. The message is one sentence for people: what, where, how to fix.
package struct EmbeddingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The closed list of reasons.
    package enum Code: String, Sendable, CaseIterable {
        /// The device's memory did not suffice; fewer texts at a time may.
        case outOfMemory
        /// The inference runtime's libraries are absent or of another version.
        case runtimeMissing
        /// No model of this name, or its files are not here.
        case modelMissing
        /// The model's files are not what its manifest says, or cannot be read as a model.
        case modelCorrupt
        /// The device asked for is not to be had.
        case deviceUnavailable
        /// The calling task was cancelled.
        case cancelled
        /// The input or a setting cannot be used.
        case badInput
        /// The runtime failed for a reason of its own.
        case runtimeFailure
    }

    /// The reason, for programs.
    package let code: Code

    /// One sentence for people: what was wrong, where, and what to do.
    package let message: String

    /// Makes an error of a closed reason.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the same call may succeed later without anyone doing anything. A missing model needs a person; memory may
    /// be free again in a moment.
    package var isRetryable: Bool {
        switch code {
        case .outOfMemory, .cancelled, .runtimeFailure: true
        case .runtimeMissing, .modelMissing, .modelCorrupt, .deviceUnavailable, .badInput: false
        }
    }

    package var description: String { message }
}
