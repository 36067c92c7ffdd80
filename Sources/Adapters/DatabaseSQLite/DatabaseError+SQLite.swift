import Core
internal import GRDBSQLite
import Glibc

extension DatabaseError {
    /// What a result code of the library means for a caller, with the fix in the sentence.
    ///
    /// Source: https://www.sqlite.org/rescode.html. `code` is an extended one.
    init(sqlite code: Int32, saying words: String, systemError: Int32, file: String, statement: String? = nil) {
        // Where the log's index cannot grow, the library reports an input/output error.
        let isFull =
            code & 0xFF == SQLITE_FULL
            || (code & 0xFF == SQLITE_IOERR && (systemError == ENOSPC || systemError == EDQUOT))
        if isFull {
            self.init(
                .full, "the disk that holds \(file) is full, nothing of the transaction was kept: free some space",
                statement: statement)
            return
        }
        let (kind, sentence): (Code, String) =
            switch code & 0xFF {
            case SQLITE_BUSY, SQLITE_LOCKED:
                (.busy, "\(file) is locked by another program: let it end its transaction, then try again")
            case SQLITE_READONLY:
                (
                    .readOnly,
                    "\(file) can be read but not written: give this user the right to write the file and its folder"
                )
            case SQLITE_CORRUPT:
                (
                    .corrupt,
                    "\(file) is damaged (\(words)): restore it from a backup, or recover it with sqlite3 .recover"
                )
            case SQLITE_NOTADB:
                (.corrupt, "\(file) is not an SQLite database, or is encrypted: give the path of one that is not")
            case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH:
                (.cannotOpen, "\(file) cannot be opened: give this user the right to read and write it and its folder")
            case SQLITE_IOERR:
                (
                    .io,
                    "reading or writing \(file) failed (\(words), system error \(systemError)): check the disk, then try again"
                )
            case SQLITE_CONSTRAINT:
                (.constraint, "\(file) refused a row (\(words)): change the value, or the row that it collides with")
            case SQLITE_ERROR where Self.namesMissingObject(words):
                (
                    .noSuchObject,
                    "\(file) has not what the statement names (\(words)): check the name, and that the schema is up to date"
                )
            default:
                (.other, "\(file) refused a statement (\(words), code \(code)): correct the statement")
            }
        self.init(kind, sentence, statement: statement)
    }

    /// The library has one code for every fault of a statement; its words tell which.
    private static func namesMissingObject(_ words: String) -> Bool {
        words.hasPrefix("no such ") || words.contains(" has no column named ")
    }
}
