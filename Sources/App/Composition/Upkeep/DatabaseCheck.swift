import Core
import DatabaseSQLite
package import Logging
package import Messages
import Sources

/// What `millrace db check` finds, a line for each thing that must hold. Nothing is changed.
package struct DatabaseCheck: Sendable {
    package struct Line: Sendable {
        /// `database`, `schema`, `source parts` …: what the line is about, for scripts too.
        package let name: String
        package let isWell: Bool
        package let message: Message
        package let values: [String: String]
        /// The figures in it.
        package let figures: [String: Int]

        init(
            _ name: String, isWell: Bool, _ message: Message, _ values: [String: String] = [:],
            figures: [String: Int] = [:]
        ) {
            self.name = name
            self.isWell = isWell
            self.message = message
            self.values = values.merging(figures.mapValues(String.init)) { given, _ in given }
            self.figures = figures
        }

        init(_ name: String, failure: any Error) {
            self.init(name, isWell: false, .checkFailed, ["error": Failure(failure).message])
        }
    }

    private let settings: Settings
    private let logger: Logger

    package init(settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// The lines in the order in which the things depend on one another; it ends early where nothing more can be read.
    package func run() async -> [Line] {
        do {
            return try await DatabaseOpening.looking(settings, logger: logger) { database in
                await lines(of: database)
            }
        } catch {
            return [Line("database", failure: error)]
        }
    }

    private func lines(of database: any Database) async -> [Line] {
        var lines: [Line] = []
        do {
            lines.append(try await server(database))
            if let sqlite = database as? SQLiteDatabase { lines.append(try await integrity(of: sqlite)) }
        } catch {
            return lines + [Line("database", failure: error)]
        }
        do {
            let schema = try await schema(database)
            lines.append(schema)
            guard schema.isWell else { return lines }
            try await TransferMark.requireNone(in: database)
        } catch {
            return lines + [Line(error is TransferError ? "copy" : "schema", failure: error)]
        }
        do {
            let sources = try await database.read { connection in try SourceStore().all(on: connection) }
            for source in sources {
                let objects = await objects(of: source, in: database)
                lines.append(objects)
                if objects.isWell { lines.append(await rows(of: source, in: database)) }
            }
            lines.append(try await jobs(database))
        } catch {
            lines.append(Line("sources", failure: error))
        }
        return lines
    }

    // MARK: The database

    private func server(_ database: any Database) async throws -> Line {
        let place = Setting.database.shown(settings.databaseURL)
        let row = try await database.read { connection in
            try connection.row(
                SQL(
                    sqlite: "SELECT 'SQLite ' || sqlite_version(), encoding FROM pragma_encoding",
                    postgres:
                        "SELECT 'PostgreSQL ' || current_setting('server_version'), current_setting('server_encoding')"
                ))
        }
        return Line(
            "database", isWell: true, .checkReached,
            ["place": place, "server": row?[0].text ?? "?", "encoding": row?[1].text ?? "?"])
    }

    private func integrity(of database: SQLiteDatabase) async throws -> Line {
        let faults = try await database.integrityCheck()
        return faults.isEmpty
            ? Line("integrity", isWell: true, .checkWhole)
            : Line(
                "integrity", isWell: false, .checkDamaged, ["faults": faults.prefix(3).joined(separator: "; ")],
                figures: ["count": faults.count])
    }

    private func schema(_ database: any Database) async throws -> Line {
        let missing = try await database.missingMigrations()
        let version = Int(Migration.all.last?.version ?? 0)
        return missing.isEmpty
            ? Line("schema", isWell: true, .checkSchema, figures: ["version": version])
            : Line(
                "schema", isWell: false, .checkSchemaBehind,
                ["steps": missing.map(\.name).joined(separator: ", ")],
                figures: ["version": version, "missing": missing.count])
    }

    // MARK: Sources

    private func objects(of source: Source, in database: any Database) async -> Line {
        let name = "source \(source.collection)"
        if let fault = source.definition.fault {
            return Line(name, isWell: false, .checkFailed, ["error": fault])
        }
        guard source.state != .suspended else {
            return Line(name, isWell: true, .checkSourceSuspended, ["collection": source.collection])
        }
        do {
            let (missing, disabled) = try await database.read { connection in
                (try ObjectCheck(source).missing(on: connection), try ObjectCheck(source).switchedOff(on: connection))
            }
            if !missing.isEmpty {
                return Line(
                    name, isWell: false, .checkSourceMissing,
                    ["objects": missing.joined(separator: ", "), "collection": source.collection],
                    figures: ["missing": missing.count])
            }
            guard disabled.isEmpty else {
                return Line(
                    name, isWell: false, .checkSourceDisabled,
                    ["objects": disabled.joined(separator: ", "), "table": source.definition.tableName.description],
                    figures: ["disabled": disabled.count])
            }
            return Line(name, isWell: true, .checkSourceWhole)
        } catch {
            return Line(name, failure: error)
        }
    }

    private func rows(of source: Source, in database: any Database) async -> Line {
        let name = "rows of \(source.collection)"
        // Until the backfill has passed, rows are its to judge; those of a suspended source are the sweep's afterwards.
        guard source.state == .active else { return Line(name, isWell: true, .checkRowsLater) }
        do {
            let space = try settings.knownSpace(of: source.definition.model)
            let found = try await SourceInspection(database: database, source: source, space: space).run()
            return Line(
                name, isWell: found.isClean, found.isClean ? .checkRowsInStep : .checkRowsOutOfStep,
                figures: [
                    "rows": found.rows, "missing": found.missing, "stale": found.stale, "ghosts": found.ghosts,
                    "mislabelled": found.mislabelled,
                ])
        } catch {
            return Line(name, failure: error)
        }
    }

    private func jobs(_ database: any Database) async throws -> Line {
        let counts = try await database.read { connection in try JobStore().counts(on: connection) }
        let (dead, held) = (counts["dead"] ?? 0, counts["held"] ?? 0)
        return Line(
            "jobs", isWell: dead + held == 0, dead + held == 0 ? .checkJobs : .checkJobsFailed,
            figures: [
                "dead": dead, "held": held,
                "open": (counts["available"] ?? 0) + (counts["running"] ?? 0) + (counts["scheduled"] ?? 0),
            ])
    }
}
