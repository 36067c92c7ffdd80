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
        discussion: "Exits 1 where a check fails; every failed check says what to do.")

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
        for check in report.checks {
            terminal.result("\(check.isWell ? "ok   " : "fail ") \(check.name): \(check.detail)", hanging: 6)
        }
    }

    private func runtime(_ settings: Settings) -> Report.Check {
        let store = settings.modelStore
        return store.hasRuntime()
            ? .init(name: "runtime", isWell: true, detail: store.runtimeFolder)
            : .init(
                name: "runtime", isWell: false,
                detail: "not in \(store.runtimeFolder): fetch it with millrace models pull \(settings.model)")
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
            return state == .present
                ? .init(name: "model", isWell: true, detail: "\(settings.model), every checksum right")
                : .init(
                    name: "model", isWell: false,
                    detail: "\(settings.model) is \(state.word): fetch it with millrace models pull \(settings.model)")
        } catch {
            return .init(name: "model", isWell: false, detail: error.message)
        }
    }

    private func database(_ settings: Settings) async -> [Report.Check] {
        do {
            let place = Setting.database.shown(settings.databaseURL)
            let faults = try await DatabaseOpening.faults(settings, logger: quietLogger(settings))
            var checks = [
                Report.Check(
                    name: "database", isWell: faults.isEmpty,
                    detail: faults.isEmpty
                        ? "\(place), whole"
                        : "\(place) is damaged (\(faults.prefix(3).joined(separator: "; "))): restore a backup")
            ]
            let (sources, workers) = try await withDatabase(settings) { database in
                let sources = try await database.read { connection in
                    try SourceStore().all(on: connection).map { ($0, try ObjectCheck($0).missing(on: connection)) }
                }
                return (sources, try await StatusReader(database: database).read().workers.filter { $0.state != .lost })
            }
            for (source, missing) in sources {
                checks.append(
                    .init(
                        name: "source \(source.collection)", isWell: missing.isEmpty || source.state == .suspended,
                        detail: source.state == .suspended
                            ? "suspended: millrace source resume \(source.collection)"
                            : missing.isEmpty
                                ? "all triggers in place"
                                : "\(missing.joined(separator: ", ")) gone: a running server makes them anew"))
            }
            checks.append(
                .init(
                    name: "workers", isWell: true,
                    detail: workers.isEmpty ? "none runs now" : "\(workers.count) alive"))
            return checks
        } catch {
            return [.init(name: "database", isWell: false, detail: Failure(error).message)]
        }
    }
}
