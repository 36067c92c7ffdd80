extension Message {
    /// What to do about rows that failed for a reason, a stable word of the queue's.
    package static func hint(for reason: String) -> Message {
        switch reason {
        case "crashed_worker": .hintCrashedWorker
        case "not_text": .hintNotText
        case "outOfMemory": .hintOutOfMemory
        case "runtimeFailure": .hintRuntimeFailure
        default: .hintOther
        }
    }
}
