import Core
import Glibc

/// The turn that Millrace's processes take on one file, so that two of them never write back to back and a user's
/// program finds the file free in between.
///
/// It is courtesy, not safety: the database's own lock excludes, and a writer that waited long for the turn of a
/// stopped process goes on without. Held by `flock` on a file beside the database; the kernel releases it when a
/// process dies. Used by the writer's thread alone.
final class Turnstile {
    private let descriptor: Int32
    private let clock = ContinuousClock()
    private(set) var isHeld = false
    private var releasedAt: ContinuousClock.Instant?

    /// After a release, how long this process lets the others go first. Longer than they sleep between two looks.
    private static let stepBack = Duration.microseconds(500)

    /// Opens, and makes where missing, `<database>-millrace-turn`, with the database's own owner and rights.
    init(beside database: String) throws(DatabaseError) {
        let path = database + "-millrace-turn"
        var attributes = stat()
        let mode = stat(database, &attributes) == 0 ? attributes.st_mode & 0o666 : 0o600
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else {
            throw DatabaseError(
                errno == EACCES || errno == EROFS || errno == EPERM ? .readOnly : .cannotOpen,
                "\(path) cannot be made (\(String(cString: strerror(errno)))): give this user the right to write the folder"
            )
        }
        if geteuid() == 0 {
            // Else a server started by root would lock out the file's owner.
            _ = fchown(descriptor, attributes.st_uid, attributes.st_gid)
        }
    }

    deinit {
        close(descriptor)
    }

    /// Takes the turn if nobody has it. Does not wait, except shortly after a turn of its own.
    func take() -> Bool {
        if let releasedAt {
            let rest = Self.stepBack - (clock.now - releasedAt)
            if rest > .zero { pause(rest) }
            self.releasedAt = nil
        }
        isHeld = flock(descriptor, LOCK_EX | LOCK_NB) == 0
        return isHeld
    }

    func release() {
        guard isHeld else { return }
        flock(descriptor, LOCK_UN)
        isHeld = false
        releasedAt = clock.now
    }
}

/// Blocks the calling thread, which is one of the adapter's own.
func pause(_ duration: Duration) {
    guard duration > .zero else { return }
    let (seconds, attoseconds) = duration.components
    var asked = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    var left = timespec()
    while nanosleep(&asked, &left) == -1 && errno == EINTR { asked = left }
}

/// Blocks for between half of `duration` and all of it, so that processes that wait do not march in step.
func pauseJittered(_ duration: Duration) {
    let microseconds = duration.microseconds
    pause(.microseconds(Int64.random(in: microseconds / 2...microseconds)))
}
