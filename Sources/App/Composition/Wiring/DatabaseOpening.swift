package import Core
import DatabasePostgres
import DatabaseSQLite
import FoundationEssentials
package import Logging

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Opens the database that `DATABASE_URL` names and brings its schema up to date.
package enum DatabaseOpening {
    /// Opens it, runs `body` and closes it again, also where `body` throws.
    ///
    /// - Parameter convertsToWAL: the user has agreed that an existing file may be turned to WAL mode.
    package static func with<Result>(
        _ settings: Settings, convertsToWAL: Bool = false, logger: Logger,
        _ body: (any Database) async throws -> Result
    ) async throws -> Result {
        let database = try await open(settings, convertsToWAL: convertsToWAL, logger: logger)
        do {
            let result = try await body(database)
            await database.close()
            return result
        } catch {
            await database.close()
            throw error
        }
    }

    /// What is damaged, a sentence each; empty where all is whole. A server looks after its own files.
    package static func faults(_ settings: Settings, logger: Logger) async throws -> [String] {
        try await with(settings, logger: logger) { database in
            guard let sqlite = database as? SQLiteDatabase else { return [] }
            return try await sqlite.integrityCheck()
        }
    }

    static func open(
        _ settings: Settings, convertsToWAL: Bool = false, logger: Logger
    ) async throws -> any Database {
        let database = try await connect(settings, convertsToWAL: convertsToWAL, logger: logger)
        do {
            try await database.migrate()
        } catch {
            await database.close()
            throw error
        }
        return database
    }

    private static func connect(
        _ settings: Settings, convertsToWAL: Bool, logger: Logger
    ) async throws -> any Database {
        switch try settings.databaseAddress {
        case .sqlite(let path):
            if settings.value(.database).origin == .standard {
                try makeHome(settings.home)
            }
            var options = SQLiteDatabase.Options()
            options.convertsToWAL = convertsToWAL
            return try await SQLiteDatabase.open(path: path, options: options, logger: logger)
        case .postgres(let url):
            var options = PostgresDatabase.Options()
            options.preparesStatements = settings.databasePrepares
            options.listenURL = settings.databaseListenURL
            return try await PostgresDatabase.open(url, options: options, logger: logger)
        }
    }

    private static func makeHome(_ home: String) throws(Failure) {
        do {
            try FileManager.default.createDirectory(
                atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure(
                .noPermission,
                "the data folder \(home) cannot be made: make it, or set MILLRACE_HOME to one that you may write")
        }
    }
}

extension DatabaseOpening {
    /// Whether the file exists and is in another journal mode than WAL: bytes 18 and 19 of the header say so
    /// (sqlite.org/fileformat.html, 1.3.3).
    package static func needsWALConsent(_ path: String) -> Bool {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 20)
        guard pread(descriptor, &header, header.count, 0) == header.count else { return false }
        return header[18] != 2
    }
}
