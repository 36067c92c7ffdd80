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
        /// Pause between two looks at sources that were suspended because their table could not be used: what was wrong
        /// with it may be nothing that the catalogue shows.
        package var faultPause = Duration.seconds(30)

        package init() {}
    }

    private let database: any Database
    private let spaces: @Sendable (String) -> Space?
    private let settings: Settings
    private let logger: Logger
    /// What the catalogue said of each source's table when it was last checked.
    private var marks: [SourceID: String]?
    /// When sources that Millrace suspended are looked at again, whatever the catalogue says.
    private var nextFaultCheck: ContinuousClock.Instant?
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
        try await checkSchema(sources, now: now)
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
            try await reportingFaults(of: source) {
                if try await !step.step().isFinished { isBusy = true }
            }
        }
        return isBusy
    }

    /// A migration may have rebuilt a table and lost our triggers; every schema change is followed by a whole sweep.
    private func checkSchema(_ sources: [Source], now: ContinuousClock.Instant) async throws {
        var present = try await database.read { connection in try SchemaMark.read(sources, on: connection) }
        let isFaultCheckDue = nextFaultCheck.map { $0 <= now } ?? true
        for source in sources {
            let isFaulty = source.definition.fault != nil && isFaultCheckDue
            guard marks?[source.id] != present[source.id] || isFaulty else { continue }
            try await reportingFaults(of: source) {
                do {
                    try await check(source)
                } catch let error as SourceError where error.code == .tableBusy {
                    // Still to be mended when the table is free, though its schema stays as it is.
                    present[source.id] = nil
                    throw error
                }
            }
        }
        if isFaultCheckDue { nextFaultCheck = now + settings.faultPause }
        marks = present
    }

    private func check(_ source: Source) async throws {
        // Who suspended a source by hand resumes it by hand; one that Millrace suspended goes on when its table is back.
        let isFaulty = source.definition.fault != nil
        guard source.state != .suspended || isFaulty else { return }
        let missing: [String]
        let disabled: [String]
        do {
            (missing, disabled) = try await database.read { connection in
                try ObjectCheck(source).requireColumns(on: connection)
                return (
                    try ObjectCheck(source).missing(on: connection), try ObjectCheck(source).switchedOff(on: connection)
                )
            }
        } catch let error as SourceError {
            try await setAside(source, error)
            throw error
        }
        if !disabled.isEmpty {
            logger.warning(
                "triggers of a source are switched off; the sweep alone finds what is written",
                metadata: ["source": "\(source.collection)", "triggers": "\(disabled.joined(separator: ", "))"])
        }
        // Views alone are left away: their owner may have dropped them to get a migration through.
        let needsMending = missing.contains { !$0.hasPrefix("view ") }
        if needsMending || isFaulty { try await mendAsFarAsAllowed(source, missing) }
        let isChanged = marks?[source.id] != nil || needsMending || isFaulty
        guard isChanged, let space = spaces(source.definition.model) else { return }
        let present = try await database.read { connection in try SourceStore().find(source.id, on: connection) }
        guard let present else { return }
        report(try await Sweep(database: database, source: present, space: space).whole(), of: present)
    }

    /// Nothing is claimed of a source whose table is not what it must be, so that no row fails for it; it says why.
    private func setAside(_ source: Source, _ fault: SourceError) async throws {
        guard source.definition.fault != fault.message else { return }
        try await database.write { connection in
            try SourceStore().suspend(source.id, fault: fault.message, on: connection)
        }
    }

    /// A role that may only work cannot make triggers anew: the table's owner is told, and meanwhile the sweep finds what
    /// is written. Without the status column nothing can be.
    private func mendAsFarAsAllowed(_ source: Source, _ missing: [String]) async throws {
        do {
            try await mend(source, missing)
        } catch let error as SourceError
            where error.code == .notAllowed && !missing.contains(where: { $0.hasPrefix("column ") })
        {
            reportFault("\(missing.joined(separator: ", ")) is gone, and \(error.message)", of: source)
            try await database.write { connection in try SourceStore().resume(source.id, on: connection) }
        }
    }

    private func mend(_ source: Source, _ missing: [String]) async throws {
        var lock = TableLock(database: database)
        // Tried again in the next round, and other sources are not kept waiting.
        lock.patience = .zero
        let isTableNeeded = missing.contains { !$0.hasPrefix("index ") }
        if !missing.isEmpty {
            try await database.read { connection in try TableRights(source.definition).requireOwner(on: connection) }
        }
        try await lock.write(isTableNeeded ? source.definition.tableName : nil, .everything) { connection in
            try ObjectCheck(source).restore(on: connection)
            try SourceStore().resume(source.id, on: connection)
        }
        if missing.contains(where: { $0.hasPrefix("index ") }) {
            try await IndexBuild(database: database, lock: lock).ensure(source)
        }
        logger.warning(
            "what a source made was gone and is made anew",
            metadata: ["source": "\(source.collection)", "missing": "\(missing.joined(separator: ", "))"])
    }

    private func sweepOn(_ source: Source) async throws {
        guard let space = spaces(source.definition.model) else { return }
        let sweep = Sweep(database: database, source: source, space: space)
        try await reportingFaults(of: source) {
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
        }
    }

    /// One source's fault is its own: the others are kept in step all the same.
    private func reportingFaults(of source: Source, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as SourceError {
            reportFault(error.message, of: source)
        } catch let error as DatabaseError
            where [.noSuchObject, .constraint, .denied, .other].contains(error.code)
        {
            reportFault(error.message, of: source)
        }
    }

    private func reportFault(_ message: String, of source: Source) {
        logger.error(
            "a source cannot be kept in step", metadata: ["source": "\(source.collection)", "error": "\(message)"])
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
