import ArgumentParser
import Composition
import Core
import Embedding
import Foundation
import Messages
import Serve
import Sources

struct Doctor: Command {
    static let configuration = CommandConfiguration(
        abstract: "Print every setting with its origin, and check what Millrace needs.",
        usage: "millrace doctor [<options>]",
        discussion: """
              millrace doctor

            Exits 1 where a check fails; every failed check says what to do.
            """)

    @OptionGroup var options: SharedOptions
    @OptionGroup var output: JSONOption

    private struct Report: Encodable {
        struct Line: Encodable {
            let name: String
            let value: String
            let origin: String
        }

        struct Check: Encodable {
            let name: String
            let isWell: Bool
            let detail: String
        }

        var settings: [Line] = []
        var checks: [Check] = []
    }

    func perform() async throws {
        let settings = try await settings()
        var report = Report()
        for setting in Setting.allCases {
            let found = settings.value(setting)
            let value = setting.shown(found.value)
            report.settings.append(.init(name: setting.rawValue, value: value, origin: found.origin.description))
        }
        report.checks.append(runtime(settings))
        report.checks.append(model(settings))
        report.checks.append(access(settings))
        report.checks += await database(settings)
        if output.json { try printJSON(report) } else { show(report) }
        guard report.checks.allSatisfy(\.isWell) else { throw ExitCode(Failure.Exit.failure.rawValue) }
    }

    private func show(_ report: Report) {
        let terminal = Terminal.shared
        var table = TextTable([
            (terminal.text(.cliColumnSetting), .left), (terminal.text(.cliColumnOrigin), .left),
            (terminal.text(.cliColumnValue), .left),
        ])
        for line in report.settings { table.add([line.name, line.origin, line.value]) }
        table.lines(width: terminal.width).forEach(terminal.result)
        terminal.result("")
        let words = (terminal.text(.doctorOk), terminal.text(.doctorFail))
        let width = max(words.0.columns, words.1.columns)
        for check in report.checks {
            let word = (check.isWell ? words.0 : words.1).padded(to: width)
            terminal.result("\(word) \(check.name): \(check.detail)", hanging: width + 2)
        }
    }

    private func runtime(_ settings: Settings) -> Report.Check {
        let store = settings.modelStore
        return store.hasRuntime()
            ? .init(name: "runtime", isWell: true, detail: store.runtimeFolder)
            : .init(
                name: "runtime", isWell: false,
                detail: text(.doctorRuntimeMissing, ["folder": store.runtimeFolder, "model": settings.model]))
    }

    private func text(_ message: Message, _ values: [String: String] = [:]) -> String {
        Terminal.shared.text(message, values)
    }

    private func access(_ settings: Settings) -> Report.Check {
        do {
            return .init(name: "access", isWell: true, detail: try settings.accessSummary())
        } catch {
            return .init(name: "access", isWell: false, detail: Failure(error).message)
        }
    }

    private func model(_ settings: Settings) -> Report.Check {
        do {
            let state = try settings.modelStore.verify(settings.model)
            return .init(
                name: "model", isWell: state == .present,
                detail: state == .present
                    ? text(.doctorModelWhole, ["model": settings.model])
                    : text(.doctorModelNotWhole, ["model": settings.model, "state": text(state.message)]))
        } catch {
            return .init(name: "model", isWell: false, detail: error.message)
        }
    }

    private func database(_ settings: Settings) async -> [Report.Check] {
        let place = Setting.database.shown(settings.databaseURL)
        guard !isNew(settings) else {
            return [.init(name: "database", isWell: true, detail: text(.doctorDatabaseNew, ["place": place]))]
        }
        do {
            let logger = quietLogger(settings)
            let faults = try await DatabaseOpening.faults(settings, logger: logger)
            guard faults.isEmpty else {
                let shown = faults.prefix(3).joined(separator: "; ")
                return [
                    .init(
                        name: "database", isWell: false,
                        detail: text(.doctorDatabaseDamaged, ["place": place, "faults": shown]))
                ]
            }
            return try await DatabaseOpening.looking(settings, logger: logger) { database in
                guard try await database.missingMigrations().isEmpty else {
                    return [
                        .init(name: "database", isWell: true, detail: text(.doctorDatabaseUnattached, ["place": place]))
                    ]
                }
                return [.init(name: "database", isWell: true, detail: text(.doctorDatabaseWhole, ["place": place]))]
                    + (try await sources(database)) + [try await workers(database)]
            }
        } catch {
            return [.init(name: "database", isWell: false, detail: Failure(error).message)]
        }
    }

    /// Whether nobody has named a database and the one of the data folder has not been made yet.
    private func isNew(_ settings: Settings) -> Bool {
        guard settings.value(.database).origin == .standard, case .sqlite(let path)? = try? settings.databaseAddress
        else { return false }
        return !FileManager.default.fileExists(atPath: path)
    }

    private func sources(_ database: any Database) async throws -> [Report.Check] {
        let found = try await database.read { connection in
            try SourceStore().all(on: connection).map { ($0, try ObjectCheck($0).missing(on: connection)) }
        }
        return found.map { source, missing in
            let name = "source \(source.collection)"
            if source.state == .suspended {
                return .init(
                    name: name, isWell: true, detail: text(.checkSourceSuspended, ["collection": source.collection]))
            }
            return .init(
                name: name, isWell: missing.isEmpty,
                detail: missing.isEmpty
                    ? text(.checkSourceWhole)
                    : text(
                        .checkSourceMissing,
                        ["objects": missing.joined(separator: ", "), "collection": source.collection]))
        }
    }

    private func workers(_ database: any Database) async throws -> Report.Check {
        let count = try await StatusReader(database: database).read().workers.filter { $0.state != .lost }.count
        return .init(
            name: "workers", isWell: true,
            detail: count == 0 ? text(.doctorNoWorkers) : text(.doctorWorkers, ["count": count.grouped]))
    }
}
