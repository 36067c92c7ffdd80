import Core
import Glibc

/// The turn that Millrace's processes take on one file, so that two of them never write back to back and a user's
/// program finds the file free in between.
///
/// The file holds 16 bytes, the ``LockDebt`` that the processes share (two integers of the machine's byte order); they
/// mean nothing after a restart of the machine. It is courtesy, not safety: the database's own lock excludes, and a writer that waited long for the turn of a
/// stopped process goes on without. Held by `flock` on a file beside the database; the kernel releases it when a
/// process dies. Used by the writer's thread alone.
final class Turnstile {
    private let descriptor: Int32
    private let company: Company
    private(set) var isHeld = false
    /// Whether this process has had its share of the file on its last turn, so that others come first now.
    private var stepsBack = false
    /// The debt as this process knows it.
    private(set) var debt = LockDebt.none

    /// How long it lets the others go first. Longer than they sleep between two looks.
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
        company = Company(of: database, turn: descriptor)
    }

    deinit {
        close(descriptor)
    }

    /// Takes the turn if nobody has it, and learns the debt. Does not wait, except shortly after a rest.
    func take() -> Bool {
        if stepsBack {
            stepsBack = false
            pause(Self.stepBack)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
        isHeld = true
        var words: (Int64, Int64) = (0, 0)
        if pread(descriptor, &words, 16, 0) == 16 {
            debt = LockDebt(owed: words.0, freedAt: words.1)
        }
        return true
    }

    /// Writes down that the database's lock was held between these moments.
    func charge(from start: Int64, to end: Int64) {
        settle(debt.holding(from: start, to: end))
    }

    private func settle(_ debt: LockDebt) {
        self.debt = debt
        guard isHeld else { return }
        var words = (debt.owed, debt.freedAt)
        // Where the disk is full, each process has its own debt alone.
        _ = pwrite(descriptor, &words, 16, 0)
    }

    /// Leaves the file free while it keeps the turn, if the debt has reached `limit` and anybody could want the file.
    func rest(at limit: Duration) {
        let owed = debt.remaining(at: monotonicNanoseconds())
        guard owed >= limit else { return }
        let answer = company.look()
        if answer == .others { pause(owed) } else { settle(.none) }
        stepsBack = answer != .nobody
    }

    func release() {
        guard isHeld else { return }
        flock(descriptor, LOCK_UN)
        isHeld = false
    }
}

/// The machine's monotonic clock, which all its processes read alike.
func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
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
