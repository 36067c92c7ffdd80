import Core
import DatabasePostgres
package import Logging
package import Sources

/// `millrace db copy`: opens both databases, moves or compares, and closes them.
package struct DatabaseCopy: Sendable {
    package var intoExisting = false

    private let settings: Settings
    /// The target's URL.
    private let target: String
    private let logger: Logger

    /// - Parameters:
    ///   - settings: whose `DATABASE_URL` is the origin.
    ///   - target: a URL of PostgreSQL's.
    package init(from settings: Settings, to target: String, logger: Logger) throws(Failure) {
        guard case .sqlite = try settings.databaseAddress else {
            throw Failure(
                .usage,
                "\(Setting.database.shown(settings.databaseURL)) is no SQLite file: name the file that is to be moved with --from sqlite:///path/to/file"
            )
        }
        guard case .postgres? = try? DatabaseAddress(target) else {
            throw Failure(
                .usage, "--to names no PostgreSQL database: give its URL, postgres://user@host:port/database"
            )
        }
        self.settings = settings
        self.target = target
        self.logger = logger
    }

    /// The target's URL without its password.
    package var shownTarget: String { Setting.database.shown(target) }

    package func run(_ progress: (TransferProgress) -> Void) async throws -> Transfer.Outcome {
        try await withTransfer { target in
            try await DatabaseOpening.migrate(target)
        } body: { transfer in
            try await transfer.run(progress)
        }
    }

    /// Compares the two, and changes nothing.
    package func verify(_ progress: (TransferProgress) -> Void) async throws -> TransferReport {
        try await withTransfer { target in
            guard try await target.missingMigrations().isEmpty else {
                throw Failure(.usage, "the target holds no installation that could be compared: copy first")
            }
        } body: { transfer in
            try await transfer.verify(progress)
        }
    }

    private func withTransfer<Answer>(
        prepare: (any Database) async throws -> Void, body: (Transfer) async throws -> Answer
    ) async throws -> Answer {
        try await DatabaseOpening.looking(settings, logger: logger) { origin in
            // A file of somebody else's gets no tables because of a slip in --from.
            guard try await origin.missingMigrations().count < Migration.all.count else {
                throw Failure(
                    .usage,
                    "\(Setting.database.shown(settings.databaseURL)) holds no installation of Millrace's: check --from")
            }
            try await origin.migrate()
            let target = try await open()
            return try await target.closing { _ in
                try await prepare(target)
                return try await body(transfer(origin, target))
            }
        }
    }

    private func open() async throws -> PostgresDatabase {
        var options = PostgresDatabase.Options()
        options.preparesStatements = settings.databasePrepares
        // Nobody else is there whose messages could matter.
        options.listens = false
        return try await PostgresDatabase.open(target, options: options, logger: logger)
    }

    private func transfer(_ origin: any Database, _ target: PostgresDatabase) -> Transfer {
        var options = Transfer.Options()
        options.intoExisting = intoExisting
        let settings = settings
        return Transfer(
            from: .init(origin, String(settings.databaseURL.dropFirst("sqlite://".count))),
            to: .init(target, target.place), options: options, spaces: { settings.space(of: $0) })
    }
}
