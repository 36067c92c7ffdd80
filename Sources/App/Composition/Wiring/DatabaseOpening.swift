package import Core
package import DatabaseSQLite
import FoundationEssentials
package import Logging

/// Opens the database that `DATABASE_URL` names and brings its schema up to date.
package enum DatabaseOpening {
    /// - Parameter convertsToWAL: the user has agreed that an existing file may be turned to WAL mode.
    package static func open(
        _ settings: Settings, convertsToWAL: Bool = false, logger: Logger
    ) async throws -> SQLiteDatabase {
        let path = try path(of: settings)
        if settings.value(.database).origin == .standard {
            try makeHome(settings.home)
        }
        var options = SQLiteDatabase.Options()
        options.convertsToWAL = convertsToWAL
        let database = try await SQLiteDatabase.open(path: path, options: options, logger: logger)
        do {
            try await database.migrate()
        } catch {
            await database.close()
            throw error
        }
        return database
    }

    /// The file that a `sqlite://` URL names.
    package static func path(of settings: Settings) throws(Failure) -> String {
        let url = settings.databaseURL
        if url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") {
            throw Failure(
                .config, "DATABASE_URL names a PostgreSQL server, which this version does not speak: use sqlite:///path/to/file")
        }
        guard url.hasPrefix("sqlite://"), url.count > "sqlite://".count else {
            throw Failure(.config, "DATABASE_URL is \"\(url)\": give sqlite:///path/to/file")
        }
        return String(url.dropFirst("sqlite://".count)).absolutePath
    }

    private static func makeHome(_ home: String) throws(Failure) {
        do {
            try FileManager.default.createDirectory(
                atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure(
                .noPermission, "the data folder \(home) cannot be made: make it, or set MILLRACE_HOME to one that you may write")
        }
    }
}
