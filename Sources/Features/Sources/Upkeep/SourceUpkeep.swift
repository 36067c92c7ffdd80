package import Core
package import Embedding
package import Logging

/// Keeps the sources whole while the server runs: continues backfills, notices that a migration took a trigger away,
/// and sweeps at a low rate.
package actor SourceUpkeep {
    package struct Settings: Sendable {
        /// Rows compared per step of the quiet sweep.
        package var sweepPage = 500
        /// Pause between two steps of the quiet sweep.
        package var sweepPause = Duration.seconds(5)

        package init() {}
    }

    private let database: any Database
    private let spaces: @Sendable (String) -> Space?
    private let settings: Settings
    private let logger: Logger
    private var schemaMark: Int64?
    private var cursors: [SourceID: Cursor] = [:]
    private var nextSweep: ContinuousClock.Instant?

    private enum Cursor {
        case rows(after: String?)
        case ghosts(after: Int64)
    }

    /// - Parameter spaces: the space of a model by its name, nil where the model is unknown here.
    package init(
        database: any Database, settings: Settings = Settings(), logger: Logger,
        spaces: @escaping @Sendable (String) -> Space?
    ) {
        self.database = database
        self.settings = settings
        self.logger = logger
        self.spaces = spaces
    }

    /// One round; call it about once a second. Returns whether there is more to do at once (a backfill goes on).
    package func tick(now: ContinuousClock.Instant) async throws -> Bool {
        let sources = try await database.read { connection in try SourceStore().all(on: connection) }
        try await checkSchema(sources)
        let isBackfilling = try await backfill(sources)
        if !isBackfilling, nextSweep.map({ $0 <= now }) ?? true {
            nextSweep = now + settings.sweepPause
            for source in sources where source.state == .active { try await sweepOn(source) }
        }
        cursors = cursors.filter { cursor in sources.contains { $0.id == cursor.key } }
        return isBackfilling
    }

    private func backfill(_ sources: [Source]) async throws -> Bool {
        var isBusy = false
        for source in sources where source.state == .backfilling {
            guard let space = spaces(source.definition.model) else { continue }
            let step = Backfill(database: database, source: source, space: space)
            if try await !step.step().isFinished { isBusy = true }
        }
        return isBusy
    }

    /// A migration may have rebuilt a table and lost our triggers; every schema change is followed by a whole sweep.
    private func checkSchema(_ sources: [Source]) async throws {
        let mark = try await database.read { connection in
            try connection.row(SQL(sqlite: "SELECT schema_version FROM pragma_schema_version"))?.integer(0) ?? 0
        }
        guard mark != schemaMark else { return }
        for source in sources where source.state != .suspended {
            do {
                let missing = try await database.read { connection in try ObjectCheck(source).missing(on: connection) }
                if !missing.isEmpty {
                    logger.warning(
                        "triggers were gone and are made anew",
                        metadata: ["source": "\(source.collection)", "missing": "\(missing.joined(separator: ", "))"])
                    try await database.write { connection in try ObjectCheck(source).restore(on: connection) }
                }
                if schemaMark != nil || !missing.isEmpty, let space = spaces(source.definition.model) {
                    let findings = try await Sweep(database: database, source: source, space: space).whole()
                    report(findings, of: source)
                }
            } catch let error as SourceError {
                logger.error(
                    "a source cannot be kept in step", metadata: ["source": "\(source.collection)", "error": "\(error)"])
            }
        }
        schemaMark = mark
    }

    private func sweepOn(_ source: Source) async throws {
        guard let space = spaces(source.definition.model) else { return }
        let sweep = Sweep(database: database, source: source, space: space)
        do {
            switch cursors[source.id] ?? .rows(after: nil) {
            case .rows(let key):
                let (next, findings) = try await sweep.rows(after: key, limit: settings.sweepPage)
                cursors[source.id] = next.map { .rows(after: $0) } ?? .ghosts(after: 0)
                report(findings, of: source)
            case .ghosts(let item):
                let (next, findings) = try await sweep.ghosts(after: item, limit: settings.sweepPage)
                cursors[source.id] = next.map { .ghosts(after: $0) } ?? .rows(after: nil)
                report(findings, of: source)
            }
        } catch let error as DatabaseError where error.code == .noSuchObject {
            logger.error(
                "a source's table cannot be read", metadata: ["source": "\(source.collection)", "error": "\(error)"])
        }
    }

    private func report(_ findings: Sweep.Findings, of source: Source) {
        guard !findings.isClean else { return }
        logger.notice(
            "the sweep found rows that no trigger had seen",
            metadata: [
                "source": "\(source.collection)", "wanted": "\(findings.wanted)", "ghosts": "\(findings.ghosts)",
                "relabelled": "\(findings.relabelled)",
            ])
    }
}
