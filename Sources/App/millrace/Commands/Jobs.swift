import ArgumentParser
import Composition
import Core
import Messages
import Sources

struct Jobs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List jobs, and try failed ones again.", subcommands: [List.self, Retry.self])

    struct List: Command {
        static let configuration = CommandConfiguration(
            abstract: "List jobs in one state, with the reason where they failed.",
            usage: "millrace jobs list [--state <state>] [--limit <limit>] [<options>]",
            discussion: """
                  millrace jobs list
                  millrace jobs list --state running --limit 10
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Option(help: "available, running, scheduled, held or dead.")
        var state: State = .dead

        @Option(help: "At most so many.")
        var limit = 50

        enum State: String, ExpressibleByArgument, CaseIterable {
            case available, running, scheduled, held, dead
        }

        private struct Line: Encodable {
            let collection: String
            let key: String
            let state: String
            let attempt: Int
            let reason: String?
            let error: String?
        }

        func perform() async throws {
            let settings = try await settings()
            let (state, limit) = (state, limit)
            let (jobs, names) = try await withDatabase(settings) { database in
                try await database.read { connection in
                    let sources = try SourceStore().all(on: connection)
                    let names = Dictionary(uniqueKeysWithValues: sources.map { ($0.id, $0.collection) })
                    let jobs =
                        state == .dead
                        ? try JobStore().listDead(source: nil, after: nil, limit: limit, on: connection)
                        : try JobStore().list(state.rawValue, source: nil, after: 0, limit: limit, on: connection)
                    return (jobs, names)
                }
            }
            let lines = jobs.map { job in
                Line(
                    collection: names[job.source] ?? "?", key: job.key.description, state: job.state,
                    attempt: job.attempt, reason: job.reason, error: job.error)
            }
            if output.json { return try printJSON(["jobs": lines]) }
            let terminal = Terminal.shared
            guard !lines.isEmpty else { return terminal.result(terminal.text(.cliJobsNone, ["state": state.rawValue])) }
            var table = TextTable([
                (terminal.text(.columnCollection), .left), (terminal.text(.columnKey), .left),
                (terminal.text(.columnAttempt), .right), (terminal.text(.columnLastFailure), .left),
            ])
            for line in lines {
                table.add([
                    line.collection, line.key, "\(line.attempt)",
                    [line.reason, line.error].compactMap { $0 }.joined(separator: ": "),
                ])
            }
            table.lines(width: terminal.width).forEach(terminal.result)
        }
    }

    struct Retry: Command {
        static let configuration = CommandConfiguration(
            abstract: "Schedule failed and held rows again.",
            usage: "millrace jobs retry --failed [--collection <collection>] [<options>]",
            discussion: """
                  millrace jobs retry --failed
                  millrace jobs retry --failed --collection parts --reason not_text

                The same in SQL: UPDATE your_table SET embedding_status = 'pending' WHERE embedding_status = 'failed'.
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Flag(help: "All that failed; required, so that nothing is retried by accident.")
        var failed = false

        @Option(help: "Only of this collection.")
        var collection: String?

        @Option(help: "Only those that failed for this reason.")
        var reason: String?

        @Option(help: "Only the row of this key.")
        var key: String?

        func validate() throws {
            guard failed || key != nil else {
                throw ValidationError("say what to retry: --failed, or --key KEY")
            }
        }

        func perform() async throws {
            let settings = try await settings()
            let count = try await withDatabase(settings) { database in
                try await FailedRows(database: database).retry(collection: collection, reason: reason, key: key)
            }
            if output.json { return try printJSON(["retried": count]) }
            Terminal.shared.result(Terminal.shared.text(.cliRetried, ["count": count.grouped]))
        }
    }
}
