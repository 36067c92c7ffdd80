import Core
import Foundation

/// A connection for nothing but `PRAGMA data_version`, which answers whether another connection has committed.
///
/// `@unchecked Sendable`: the connection is touched under `lock` alone, which is held for microseconds.
final class ChangeWatch: @unchecked Sendable {
    private let lock = NSLock()
    private let handle: SQLiteHandle
    private var last: Int64 = 0
    private var isClosed = false

    init(_ handle: SQLiteHandle) {
        self.handle = handle
    }

    /// The mark at present; the one before where another program has the whole file locked for a moment.
    func mark() throws(DatabaseError) -> Int64 {
        lock.lock()
        defer { lock.unlock() }
        guard !isClosed else {
            throw DatabaseError(.closed, "\(handle.file) is being closed: the program is ending")
        }
        do throws(DatabaseError) {
            last = try handle.statement("PRAGMA data_version").integer()
        } catch {
            guard error.code == .busy else { throw error }
        }
        return last
    }

    func close() {
        lock.lock()
        defer { lock.unlock() }
        guard !isClosed else { return }
        isClosed = true
        handle.close()
    }
}
