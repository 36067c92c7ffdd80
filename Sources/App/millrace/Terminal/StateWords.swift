import Embedding
import Messages
import Serve

extension SourceStatus.State {
    var message: Message {
        switch self {
        case .backfilling: .sourceBackfilling
        case .active: .sourceActive
        case .suspended: .sourceSuspended
        }
    }
}

extension WorkerStatus.State {
    var message: Message {
        switch self {
        case .idle: .workerIdle
        case .running: .workerRunning
        case .starting: .workerStarting
        case .draining: .workerDraining
        case .lost: .workerLost
        }
    }
}

extension ModelFolder.State {
    /// The same in every language, for scripts.
    var word: String {
        switch self {
        case .present: "present"
        case .missing: "missing"
        case .corrupt: "damaged"
        }
    }

    var message: Message {
        switch self {
        case .present: .modelPresent
        case .missing: .modelMissing
        case .corrupt: .modelDamaged
        }
    }
}
