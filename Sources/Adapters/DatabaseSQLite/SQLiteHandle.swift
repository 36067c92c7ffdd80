import Core
internal import GRDB
internal import GRDBSQLite

/// One connection of the C library to one file. GRDB opens, configures and closes it; statements run on it directly.
///
/// `@unchecked Sendable`: it is used by one thread at a time, by the agreement of its owners (``Writer``,
/// ``ReaderPool``, ``ChangeWatch``), and holds no lock of its own.
final class SQLiteHandle: @unchecked Sendable {
    enum Role {
        /// Writes; never waits inside the library, since waiting is ``Writer``'s.
        case writer
        /// Reads only; waits up to the time given where another program has the whole file locked.
        case reader(busyTimeout: Duration)
    }

    /// The file's absolute path as the library resolved it, symbolic links followed: processes that came by
    /// different names agree on it.
    let file: String
    private let connection: OpaquePointer
    private let owner: DatabaseQueue
    private var statements: [StatementText: PreparedStatement] = [:]
    /// Pages in the write-ahead log after the last commit of this connection.
    private(set) var logPages = 0

    /// Above this number of statements the cache starts anew; Millrace has a few hundred.
    private static let cachedStatements = 512

    /// Opens `path`, which must exist for a reader.
    ///
    /// The pragmas set here last as long as the connection; none is written to the user's file.
    init(path: String, role: Role, isDurable: Bool = true) throws(Core.DatabaseError) {
        var configuration = Configuration()
        // GRDB also switches double-quoted string literals off: a misspelt column must not become a text.
        configuration.foreignKeysEnabled = true
        configuration.label = "millrace"
        let cacheKiB: Int
        switch role {
        case .writer:
            // For the set-up alone: another program may have the file locked while it starts or ends.
            configuration.busyMode = .timeout(5)
            cacheKiB = 16_000
        case .reader(let busyTimeout):
            configuration.readonly = true
            configuration.busyMode = .timeout(busyTimeout.seconds)
            cacheKiB = 8_000
        }
        do {
            owner = try DatabaseQueue(path: path, configuration: configuration)
        } catch let error as GRDB.DatabaseError {
            throw Core.DatabaseError(
                sqlite: error.extendedResultCode.rawValue, saying: error.message ?? "", systemError: 0, file: path)
        } catch {
            throw Core.DatabaseError(.other, "\(path) cannot be opened: \(error)")
        }
        guard let connection = owner.unsafeRead({ $0.sqliteConnection }) else {
            throw Core.DatabaseError(.closed, "\(path) was closed while it was being opened")
        }
        self.connection = connection
        // GRDB's observers follow the statements that it runs itself, and end the process at a commit they did not
        // foresee. Nothing observes here.
        _ = sqlite3_commit_hook(connection, nil, nil)
        _ = sqlite3_rollback_hook(connection, nil, nil)
        sqlite3_set_authorizer(connection, nil, nil)
        file = sqlite3_db_filename(connection, "main").map { String(cString: $0) } ?? path
        // cache_size is negative to count KiB. Measured on 200 MB of vectors, keys at random: 2 MiB 55,000 reads/s,
        // 8 MiB 68,000, 64 MiB no more. Mapping the file would give 1.5 times that, and end the process by a signal
        // where the disk fails or another program cuts the file; it stays off.
        try script(
            """
            PRAGMA synchronous = \(isDurable ? "FULL" : "NORMAL");
            PRAGMA temp_store = MEMORY;
            PRAGMA cache_size = -\(cacheKiB);
            """)
        if case .writer = role {
            sqlite3_busy_timeout(connection, 0)
            // In place of the library's own checkpoint inside COMMIT, which would keep callers waiting.
            sqlite3_wal_hook(
                connection,
                { context, _, _, pages in
                    Unmanaged<SQLiteHandle>.fromOpaque(context!).takeUnretainedValue().logPages = Int(pages)
                    return SQLITE_OK
                }, Unmanaged.passUnretained(self).toOpaque())
        }
    }

    /// Whether no transaction is open. The library ends one by itself when the disk is full, among other failures.
    var isAutocommit: Bool {
        sqlite3_get_autocommit(connection) != 0
    }

    /// Whether the operating system let the library open the file for reading only.
    var isReadOnly: Bool {
        sqlite3_db_readonly(connection, "main") == 1
    }

    /// Rows changed on this connection since it was opened, by triggers too.
    var totalChanges: Int {
        Int(sqlite3_total_changes64(connection))
    }

    /// Rows changed by the last INSERT, UPDATE or DELETE, those by triggers not counted.
    var changes: Int {
        Int(sqlite3_changes64(connection))
    }

    /// Whether a row written in this transaction breaks a foreign key that is checked at COMMIT only.
    var hasDeferredViolation: Bool {
        var current: Int32 = 0
        var highest: Int32 = 0
        sqlite3_db_status(connection, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0)
        return current != 0
    }

    /// The statement of this text, compiled once per connection.
    func statement(_ text: String) throws(Core.DatabaseError) -> PreparedStatement {
        let key = StatementText(text)
        if let statement = statements[key] {
            return statement
        }
        if statements.count >= Self.cachedStatements {
            statements.removeAll()
        }
        let statement = try PreparedStatement(text, on: self, connection)
        statements[key] = statement
        return statement
    }

    /// Runs text with several statements.
    func script(_ text: String) throws(Core.DatabaseError) {
        let code = sqlite3_exec(connection, text, nil, nil, nil)
        guard code == SQLITE_OK else {
            throw failure(code, statement: text)
        }
    }

    /// Moves pages from the log into the file.
    ///
    /// - Returns: the pages in the log and those of them that are now in the file, or nil where another connection
    ///   is in the way.
    func checkpoint(truncating: Bool) throws(Core.DatabaseError) -> (logged: Int, moved: Int)? {
        var logged: Int32 = 0
        var moved: Int32 = 0
        let mode = truncating ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        let code = sqlite3_wal_checkpoint_v2(connection, "main", mode, &logged, &moved)
        switch code & 0xFF {
        case SQLITE_OK:
            logPages = Int(logged - moved)
            return (Int(logged), Int(moved))
        case SQLITE_BUSY, SQLITE_LOCKED: return nil
        default: throw failure(code, statement: "PRAGMA wal_checkpoint")
        }
    }

    /// The failure that `code` stands for, with the library's present words for it.
    func failure(_ code: Int32, statement: String?) -> Core.DatabaseError {
        Core.DatabaseError(
            sqlite: code, saying: String(cString: sqlite3_errmsg(connection)),
            systemError: sqlite3_system_errno(connection), file: file, statement: statement)
    }

    /// Ends the connection; it must not be used afterwards. The last one on a file also empties its log.
    func close() {
        statements.removeAll()
        // A failure here means a statement in use, which no caller can do anything about; the process is ending.
        try? owner.close()
    }
}
