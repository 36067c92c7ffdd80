package import Core
import DatabasePostgres
import DatabaseSQLite
import FoundationEssentials
package import Logging
import Sources

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Opens the database that `DATABASE_URL` names and brings its schema up to date.
package enum DatabaseOpening {
    /// What may be made where there is nothing yet.
    package enum Making {
        /// Nothing: a path that is mistyped gets a sentence, and a database of somebody's own stays as it is.
        case nothing
        /// Millrace's tables, in a database that is there.
        case tables
        /// The file too, where it is SQLite's.
        case database
    }

    /// Opens it, brings Millrace's tables up to date, runs `body` and closes it again, also where `body` throws.
    ///
    /// - Parameter convertsToWAL: the user has agreed that an existing file may be turned to WAL mode.
    package static func with<Result>(
        _ settings: Settings, making: Making = .nothing, convertsToWAL: Bool = false, logger: Logger,
        _ body: (any Database) async throws -> Result
    ) async throws -> Result {
        try await open(settings, making: making, convertsToWAL: convertsToWAL, logger: logger).closing(body)
    }

    /// What is damaged, a sentence each; empty where all is whole. A server looks after its own files.
    package static func faults(_ settings: Settings, logger: Logger) async throws -> [String] {
        try await looking(settings, logger: logger) { database in
            guard let sqlite = database as? SQLiteDatabase else { return [] }
            return try await sqlite.integrityCheck()
        }
    }

    /// Brings the schema up to date and closes the database again. - Returns: the steps that were applied.
    package static func migrate(_ settings: Settings, logger: Logger) async throws -> [String] {
        try await connect(settings, logger: logger).closing { database in try await migrate(database) }
    }

    /// Opens the database as it is for the time of `body`: nothing is created, nothing brought up to date.
    package static func looking<Answer>(
        _ settings: Settings, convertsToWAL: Bool = false, logger: Logger,
        _ body: (any Database) async throws -> Answer
    ) async throws -> Answer {
        try await connect(settings, creates: false, convertsToWAL: convertsToWAL, logger: logger).closing(body)
    }

    static func open(
        _ settings: Settings, making: Making = .database, convertsToWAL: Bool = false, logger: Logger
    ) async throws -> any Database {
        let database = try await connect(
            settings, creates: making == .database, convertsToWAL: convertsToWAL, logger: logger)
        do {
            if making == .nothing { try await requireTables(settings, database) }
            try await migrate(database)
            try await TransferMark.requireNone(in: database)
        } catch {
            await database.close()
            throw error
        }
        return database
    }

    private static func requireTables(_ settings: Settings, _ database: any Database) async throws {
        guard try await database.missingMigrations().count == Migration.all.count else { return }
        // Who may not make them is told who may.
        if database.dialect == .postgres {
            try await tellingOwner(database) { try await database.rehearsing { _ in } }
        }
        throw Failure(
            .config,
            "\(Setting.database.shown(settings.databaseURL)) has no tables of Millrace's: attach one of yours with millrace source add, or check DATABASE_URL"
        )
    }

    /// A role that may not change the schema needs nobody's leave where the schema is up to date.
    @discardableResult
    static func migrate(_ database: any Database) async throws -> [String] {
        try await tellingOwner(database) { try await database.migrate() }
    }

    private static func tellingOwner<Answer>(
        _ database: any Database, _ body: () async throws -> Answer
    ) async throws -> Answer {
        do {
            return try await body()
        } catch let error as DatabaseError where error.code == .denied {
            guard let missing = try? await database.missingMigrations(), !missing.isEmpty else { throw error }
            throw Failure(
                .noPermission,
                "Millrace's tables are not up to date (\(missing.map(\.name).joined(separator: ", ")) missing) and this role may not change them: let their owner run millrace db migrate — \(error.message)"
            )
        }
    }

    /// - Parameter creates: whether a file that is not there is made.
    static func connect(
        _ settings: Settings, creates: Bool = true, convertsToWAL: Bool = false, logger: Logger
    ) async throws -> any Database {
        switch try settings.databaseAddress {
        case .sqlite(let path):
            if creates, settings.value(.database).origin == .standard {
                try makeHome(settings.home)
            }
            var options = SQLiteDatabase.Options()
            options.createsFile = creates
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

extension Database {
    /// Runs `body` and closes the database, also where `body` throws.
    func closing<Answer>(_ body: (any Database) async throws -> Answer) async throws -> Answer {
        do {
            let answer = try await body(self)
            await close()
            return answer
        } catch {
            await close()
            throw error
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
