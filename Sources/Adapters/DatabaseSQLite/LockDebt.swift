import Core

/// How long Millrace's processes together have kept a file locked without leaving it free for as long in return.
///
/// Free time repays it, so a lone write costs nothing. When it reaches a group's limit, the writer that has the turn
/// leaves the file free until all is repaid, where anybody else has it open: a user's program that looks in at its own
/// pace finds it free half of the time, in stretches that its waiting (1, 2, 5, 10, 15 … ms in SQLite's own busy
/// handler) does hit.
struct LockDebt: Equatable {
    /// Nanoseconds owed at `freedAt`.
    private(set) var owed: Int64
    /// When the lock was last given back, in nanoseconds of the machine's monotonic clock.
    private(set) var freedAt: Int64

    /// A body that ran for seconds does not stop every writer for seconds.
    private static let most: Int64 = 100_000_000

    static let none = LockDebt(owed: 0, freedAt: 0)

    /// Takes what another process wrote down, but nothing that cannot be: the clock begins anew with the machine.
    init(owed: Int64, freedAt: Int64) {
        self.owed = min(max(0, owed), Self.most)
        self.freedAt = max(0, freedAt)
    }

    /// What is still owed at `now`.
    func remaining(at now: Int64) -> Duration {
        guard now >= freedAt else { return .zero }
        return .nanoseconds(max(0, owed - (now - freedAt)))
    }

    /// The debt after the lock was held from `start` to `end`.
    func holding(from start: Int64, to end: Int64) -> LockDebt {
        LockDebt(owed: remaining(at: start).microseconds * 1_000 + (end - start), freedAt: end)
    }
}
