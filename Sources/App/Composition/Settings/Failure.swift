import Core
import Embedding
import Search
import Serve
import Sources

/// What a command ends with when it cannot do what it was asked: one sentence and an exit code (sysexits.h).
package struct Failure: Error, Sendable, CustomStringConvertible {
    package enum Exit: Int32, Sendable {
        case failure = 1
        /// The command line or a name in it is wrong.
        case usage = 64
        /// Data is damaged.
        case data = 65
        /// Something needed is not there: runtime, model, worker, server.
        case unavailable = 69
        /// A fault of Millrace's own, or a worker that stood still.
        case software = 70
        /// The disk failed or is full.
        case io = 74
        /// Busy now; the same may pass later.
        case temporary = 75
        case noPermission = 77
        /// A setting is wrong, or the database is newer than this program.
        case config = 78
    }

    package let exit: Exit
    package let message: String

    package init(_ exit: Exit, _ message: String) {
        self.exit = exit
        self.message = message
    }

    package var description: String { message }

    /// What any error of Millrace's means for a command.
    package init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as DatabaseError: self.init(Self.exit(error.code), error.message)
        case let error as SourceError: self.init(error.code == .damaged ? .data : .usage, error.message)
        case let error as TransferError: self.init(Self.exit(error.code), error.message)
        case let error as EmbeddingError: self.init(Self.exit(error.code), error.message)
        case let error as SearchError: self.init(error.code == .notReady ? .temporary : .usage, error.message)
        case let error as ServeError: self.init(Self.exit(error.code), error.message)
        default: self.init(.software, "\(error)")
        }
    }

    private static func exit(_ code: DatabaseError.Code) -> Exit {
        switch code {
        case .busy, .closed, .commitUnknown: .temporary
        case .readOnly, .denied: .noPermission
        case .full, .io: .io
        case .corrupt: .data
        case .cannotOpen, .newerVersion, .notWAL: .config
        case .constraint, .noSuchObject: .usage
        case .other: .software
        }
    }

    private static func exit(_ code: ServeError.Code) -> Exit {
        switch code {
        case .portInUse, .addressUnavailable, .other: .temporary
        case .portRefused: .noPermission
        case .openBind, .badFile: .config
        }
    }

    private static func exit(_ code: TransferError.Code) -> Exit {
        switch code {
        case .inUse: .temporary
        case .nothingToMove, .occupied: .usage
        case .badTarget, .unfinished: .config
        case .doesNotFit, .differs: .data
        }
    }

    private static func exit(_ code: EmbeddingError.Code) -> Exit {
        switch code {
        case .outOfMemory, .runtimeMissing, .modelMissing: .unavailable
        case .modelCorrupt: .data
        case .deviceUnavailable: .config
        case .cancelled: .temporary
        case .badInput: .usage
        case .runtimeFailure: .software
        }
    }
}
