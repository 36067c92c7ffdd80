import ArgumentParser
import Composition
import Messages

extension DatabaseCommand {
    struct Check: Command {
        static let configuration = CommandConfiguration(
            abstract: "Check that the database is whole and every row in step. Changes nothing.",
            usage: "millrace db check [<options>]",
            discussion: """
                  millrace db check

                Reads every row of every attached table, and works beside a running server. Exits 1 where a check fails; \
                every failed check says what to do.
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        private struct Report: Encodable {
            struct Check: Encodable {
                let name: String
                let isWell: Bool
                let detail: String
                let figures: [String: Int]
            }

            let checks: [Check]
        }

        func perform() async throws {
            let settings = try await settings()
            let lines = await DatabaseCheck(settings: settings, logger: quietLogger(settings)).run()
            let terminal = Terminal.shared
            let checks = lines.map { line in
                let values = line.values.merging(line.figures.mapValues(\.grouped)) { $1 }
                return Report.Check(
                    name: line.name, isWell: line.isWell, detail: terminal.text(line.message, values),
                    figures: line.figures)
            }
            if output.json {
                try printJSON(Report(checks: checks))
            } else {
                for check in checks {
                    terminal.result("\(check.isWell ? "ok   " : "fail ") \(check.name): \(check.detail)", hanging: 6)
                }
            }
            guard checks.allSatisfy(\.isWell) else { throw ExitCode(Failure.Exit.failure.rawValue) }
        }
    }
}
