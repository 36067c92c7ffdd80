package import Core
import Foundation
package import Logging

/// The port over one SQLite file, which is the user's: other programs read and write it at the same time.
///
/// One thread writes (``Writer``), a few read (``ReaderPool``); callers are tasks that wait for them.
package final class SQLiteDatabase: Database {
    package let dialect = Dialect.sqlite
    /// The file's absolute path, symbolic links followed.
    package let file: String
    private let writer: Writer
    private let readers: ReaderPool
    private let watch: ChangeWatch
    /// Entered by the writer's thread, which ends last.
    private let running: DispatchGroup

    private init(
        file: String, writer: Writer, readers: ReaderPool, watch: ChangeWatch, running: DispatchGroup
    ) {
        self.file = file
        self.writer = writer
        self.readers = readers
        self.watch = watch
        self.running = running
    }

    deinit {
        beginClosing()
    }

    private func beginClosing() {
        watch.close()
        readers.queue.close()
        writer.queue.close()
    }

    /// Opens the file at `path`, relative paths starting at the working folder.
    ///
    /// - Throws: ``DatabaseError/Code/cannotOpen`` for a missing file that may not be created, a missing folder or
    ///   missing rights; `corrupt` for a file of another kind; `readOnly`; `busy`; `notWAL` for a file in another
    ///   journal mode whose owner has not agreed to have it changed, which is left as it was.
    package static func open(
        path: String, options: Options = Options(), logger: Logger
    ) async throws(DatabaseError) -> SQLiteDatabase {
        let result: Result<SQLiteDatabase, DatabaseError> = await withCheckedContinuation { continuation in
            // A thread, since another program may keep the file locked for seconds.
            Thread {
                continuation.resume(
                    returning: Result { () throws(DatabaseError) in
                        try openBlocking(path: path, options: options, logger: logger)
                    })
            }.start()
        }
        return try result.get()
    }

    private static func openBlocking(
        path: String, options: Options, logger: Logger
    ) throws(DatabaseError) -> SQLiteDatabase {
        let path = try FileToOpen(path).checked(creating: options.createsFile)
        let main = try SQLiteHandle(path: path, role: .writer, isDurable: options.isDurable)
        do {
            try main.requireWAL(converting: options.convertsToWAL, busyTimeout: options.busyTimeout)
            let turn = try Turnstile(beside: main.file)
            let role = SQLiteHandle.Role.reader(busyTimeout: options.busyTimeout)
            let handles = try (0..<max(1, options.readers)).map { _ throws(DatabaseError) in
                try SQLiteHandle(path: main.file, role: role)
            }
            let watch = ChangeWatch(try SQLiteHandle(path: main.file, role: .reader(busyTimeout: .zero)))
            let writer = Writer(main, turn: turn, options: options, logger: logger)
            let readers = ReaderPool(file: main.file, slowRead: options.slowRead, logger: logger)
            let (reading, running) = (DispatchGroup(), DispatchGroup())
            for handle in handles { readers.start(handle, in: reading) }
            writer.start(in: running, endingAfter: reading)
            return SQLiteDatabase(file: main.file, writer: writer, readers: readers, watch: watch, running: running)
        } catch {
            main.close()
            throw error
        }
    }

    package func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Result
    ) async throws -> Result {
        try await readers.queue.submit { try body($0) }
    }

    @discardableResult
    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Result
    ) async throws -> Result {
        try await writer.queue.submit { try body($0) }
    }

    package func runAlone(_ statement: String) async throws {
        try await write { try $0.script(statement) }
    }

    /// Costs microseconds and never waits for a lock, so it is done on the caller's thread.
    package func changeMark() async throws -> Int64 {
        try watch.mark()
    }

    /// Serves what waits, then ends all connections; the last one on the file empties its log.
    package func close() async {
        beginClosing()
        await withCheckedContinuation { continuation in
            running.notify(queue: .global()) { continuation.resume() }
        }
    }

    /// Moves the log into the file and empties it, if no other connection is in the way; returns at once if one is.
    ///
    /// For idle moments: under load the writer keeps the log short by itself.
    ///
    /// - Returns: whether the log is now empty.
    @discardableResult
    package func truncateWAL() async throws -> Bool {
        let writer = writer
        return try await writer.queue.submit(.alone) { _ in try writer.truncateLog() }
    }

    /// What `PRAGMA integrity_check` and `foreign_key_check` find, a sentence each; empty when all is well.
    ///
    /// Reads the whole file: seconds for gigabytes, during which the log cannot be emptied.
    package func integrityCheck() async throws -> [String] {
        try await read { connection in
            let faults = try connection.rows(.both("PRAGMA integrity_check(100)")).map { $0.text(0) }
            let orphans = try connection.rows(.both("PRAGMA foreign_key_check")).prefix(100).map { row in
                "row \(row[1].integer.map(String.init) ?? "?") of \(row.text(0)) refers to a row of \(row.text(2)) that is not there"
            }
            return (faults == ["ok"] ? [] : faults) + orphans
        }
    }
}
