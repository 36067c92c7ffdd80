/// Why a database refused, in the terms that callers decide by.
package struct DatabaseError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable {
        /// Another connection holds the lock for longer than the waiting time.
        case busy
        /// The file, the folder or the server may be read but not written.
        case readOnly
        /// The disk or the quota is full; nothing of the transaction was kept.
        case full
        /// The file is not a database, or is damaged.
        case corrupt
        /// There is no such file, or it cannot be opened.
        case cannotOpen
        /// The database was written by a newer Millrace.
        case newerVersion
        /// The file is in rollback-journal mode and its owner has not agreed to WAL.
        case notWAL
        /// A UNIQUE, NOT NULL, CHECK or FOREIGN KEY constraint refused the statement.
        case constraint
        /// The schema has not what the statement names.
        case noSuchObject
        /// The role lacks a privilege; the message names the GRANT.
        case denied
        /// The input/output below the database failed, or the connection to its server.
        case io
        /// The connection was lost while a transaction was being committed, so it may have been kept or not.
        case commitUnknown
        /// The database is closing.
        case closed
        /// Anything else, the database's own words in ``message``.
        case other
    }

    package let code: Code
    /// One sentence for people: what, where, how to fix.
    package let message: String
    /// The statement that failed, for the log at debug level; never shown to a caller over the network.
    package let statement: String?

    package init(_ code: Code, _ message: String, statement: String? = nil) {
        self.code = code
        self.message = message
        self.statement = statement
    }

    /// Whether the same call may succeed later without anyone changing anything.
    ///
    /// An unknown commit counts among these: what Millrace writes is guarded by fences, unique keys and comparisons, so
    /// that doing it a second time changes nothing. What is not so guarded must look before it writes again.
    package var isRetryable: Bool {
        switch code {
        case .busy, .full, .io, .commitUnknown: true
        // A server that was the primary until now: another is, or it will be again.
        case .readOnly: true
        case .corrupt, .cannotOpen, .newerVersion, .notWAL, .constraint, .noSuchObject, .denied, .closed,
            .other:
            false
        }
    }

    package var description: String {
        message
    }
}
