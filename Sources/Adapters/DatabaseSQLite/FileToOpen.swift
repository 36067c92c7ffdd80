import Core
import Glibc

/// The path that was given for a database, looked at before the library sees it: its own words are few.
///
/// The file is only looked at by name. Opening and closing it here would release the locks that the library holds
/// on it elsewhere in this process.
struct FileToOpen {
    /// Absolute, so that the library takes no name for a URI or a database in memory.
    let path: String

    init(_ given: String) {
        if given.hasPrefix("/") {
            path = given
        } else {
            let folder = getcwd(nil, 0)
            defer { free(folder) }
            path = (folder.map { String(cString: $0) } ?? ".") + "/" + given
        }
    }

    /// The path, or the reason why there can be no database at it.
    func checked(creating: Bool) throws(DatabaseError) -> String {
        var attributes = stat()
        if stat(path, &attributes) == 0 {
            if attributes.st_mode & S_IFMT == S_IFDIR {
                throw DatabaseError(.cannotOpen, "\(path) is a folder: give the path of a file in it")
            }
            return path
        }
        guard errno == ENOENT else {
            let reason = String(cString: strerror(errno))
            throw DatabaseError(.cannotOpen, "\(path) cannot be opened (\(reason)): check the path and its rights")
        }
        guard creating else {
            throw DatabaseError(
                .cannotOpen,
                "there is no database at \(path): check DATABASE_URL, or make one there with millrace serve")
        }
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        guard folder.isEmpty || stat(folder, &attributes) == 0 else {
            throw DatabaseError(.cannotOpen, "\(path) cannot be opened, its folder does not exist: create \(folder)")
        }
        return path
    }
}
