import ArgumentParser
import Composition
import Core
import Messages
import Serve

struct Status: Command {
    static let configuration = CommandConfiguration(
        abstract: "Show the queue, the workers and how far each source has come.",
        usage: "millrace status [<options>]",
        discussion: """
              millrace status
              millrace status --json

            Reads the database; the server need not run.
            """)

    @OptionGroup var options: SharedOptions
    @OptionGroup var output: JSONOption

    func perform() async throws {
        let settings = try await settings()
        let status = try await withDatabase(settings) { try await StatusReader(database: $0).read() }
        if output.json { return try printJSON(status) }
        StatusReport(status: status, terminal: .shared).show()
    }
}

/// The status as text.
struct StatusReport {
    let status: Serve.Status
    let terminal: Terminal

    func show() {
        let jobs = status.jobs
        terminal.result(
            terminal.text(
                .cliStatusJobs,
                [
                    "available": jobs.available.grouped, "running": jobs.running.grouped,
                    "scheduled": jobs.scheduled.grouped, "held": jobs.held.grouped, "dead": jobs.dead.grouped,
                ]))
        showOpenTransaction()
        terminal.result("")
        showSources()
        terminal.result("")
        showWorkers()
        if !status.failures.isEmpty {
            terminal.result("")
            showFailures()
        }
    }

    /// Short ones come and go; one that stays is worth a line.
    private func showOpenTransaction() {
        guard let transaction = status.database.oldestTransaction, transaction.seconds >= 10 else { return }
        terminal.result(
            terminal.text(
                .overviewOpenTransaction,
                [
                    "time": terminal.text(.timeSeconds, ["n": Int(transaction.seconds).grouped]),
                    "pid": "\(transaction.pid)",
                    "program": transaction.application.isEmpty ? "?" : transaction.application,
                ]))
    }

    private func showSources() {
        guard !status.sources.isEmpty else { return terminal.result(terminal.text(.cliStatusNoSources)) }
        var table = TextTable([
            (terminal.text(.columnCollection), .left), (terminal.text(.rowPending), .right),
            (terminal.text(.rowProcessing), .right), (terminal.text(.rowCompleted), .right),
            (terminal.text(.rowFailed), .right), (terminal.text(.rowSkipped), .right), ("%", .right),
        ])
        for source in status.sources {
            let counts = source.counts
            table.add([
                source.collection, counts.pending.grouped, counts.processing.grouped, counts.completed.grouped,
                counts.failed.grouped, counts.skipped.grouped, source.progressPercentage.twoDecimals,
            ])
        }
        table.lines(width: terminal.width).forEach(terminal.result)
        for source in status.sources {
            guard let fault = source.fault else { continue }
            terminal.result(terminal.text(.cliStatusFault, ["collection": source.collection, "fault": fault]))
        }
    }

    /// What they do, and then who they are; those that were lost of late too.
    private func showWorkers() {
        if status.workers.allSatisfy({ $0.state == .lost }) { terminal.result(terminal.text(.cliStatusNoWorkers)) }
        guard !status.workers.isEmpty else { return }
        var work = TextTable([
            (terminal.text(.columnWorker), .left), (terminal.text(.columnState), .left),
            (terminal.text(.columnSeen), .right), (terminal.text(.unitPerSecond), .right),
            (terminal.text(.rowCompleted), .right), (terminal.text(.rowFailed), .right),
            (terminal.text(.workersTruncated), .right),
        ])
        var places = TextTable([
            (terminal.text(.columnWorker), .left), (terminal.text(.columnHost), .left),
            (terminal.text(.columnVersion), .left), (terminal.text(.columnDevice), .left),
            (terminal.text(.columnModel), .left),
        ])
        for worker in status.workers {
            work.add([
                worker.name, terminal.text(worker.state.message),
                terminal.text(.timeAgo, ["time": Int(worker.seenSecondsAgo).asDuration]),
                Int(worker.ratePerSecond.rounded()).grouped, worker.succeeded.grouped, worker.failed.grouped,
                worker.truncated.grouped,
            ])
            places.add([
                worker.name, "\(worker.host) \(worker.pid)", worker.version, worker.device, worker.model,
            ])
        }
        work.lines(width: terminal.width).forEach(terminal.result)
        terminal.result("")
        places.lines(width: terminal.width).forEach(terminal.result)
    }

    private func showFailures() {
        for group in status.failures {
            terminal.result(
                terminal.text(
                    .cliStatusFailure,
                    [
                        "count": group.count.grouped, "collection": group.collection, "reason": group.reason,
                        "key": group.example.key, "error": group.example.error,
                    ]))
            terminal.result("  " + terminal.text(.hint(for: group.reason)))
        }
        terminal.result(terminal.text(.cliStatusRetry))
    }
}

extension Double {
    /// `99.20`.
    var twoDecimals: String {
        let hundredths = Int((self * 100).rounded())
        let rest = abs(hundredths % 100)
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
