import ArgumentParser
import Composition
import Core
import Embedding
import Foundation
import Messages

extension Models {
    struct Limit: Command {
        static let configuration = CommandConfiguration(
            abstract: "Limit how much of a model's work all workers together do.",
            usage: "millrace models limit [<name>] [<options>]",
            discussion: """
                  millrace models limit
                  millrace models limit all-minilm-l6-v2 --per-minute 600
                  millrace models limit all-minilm-l6-v2 --concurrency 64
                  millrace models limit all-minilm-l6-v2 --none

                Without a name it lists the limits. Kept in the database and enforced where rows are claimed, on every machine at once, from now on.
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Argument(help: "The model's name.")
        var name: String?

        @Option(help: "Rows in hand at the same time, over all workers.")
        var concurrency: Int?

        @Option(help: "Rows begun in a minute, over all workers.")
        var perMinute: Int?

        @Flag(help: "Take the limit away.")
        var none = false

        private struct Line: Encodable {
            let model: String
            let concurrency: Int?
            let perMinute: Int?
        }

        func perform() async throws {
            let settings = try await settings()
            if let name { try await set(name, settings) }
            try await show(settings)
        }

        private func set(_ name: String, _ settings: Settings) async throws {
            guard none != (concurrency != nil || perMinute != nil) else {
                throw Failure(.usage, "say what the limit of \(name) is: --concurrency N, --per-minute N, or --none")
            }
            for (flag, number) in [("--concurrency", concurrency), ("--per-minute", perMinute)] {
                if let number, number < 1 {
                    throw Failure(.usage, "\(flag) is \(number): give 1 or more, or --none to take the limit away")
                }
            }
            _ = try settings.modelStore.manifest(named: name)
            let limit = ModelLimit(model: name, concurrency: concurrency, perMinute: perMinute)
            try await withDatabase(settings, making: .tables) { database in
                try await database.write { connection in
                    try ModelLimitStore().set(limit, on: connection)
                }
            }
        }

        private func show(_ settings: Settings) async throws {
            let limits = try await withDatabase(settings) { database in
                try await database.read { connection in try ModelLimitStore().all(on: connection) }
            }
            if output.json {
                return try printJSON([
                    "limits": limits.map {
                        Line(model: $0.model, concurrency: $0.concurrency, perMinute: $0.perMinute)
                    }
                ])
            }
            let terminal = Terminal.shared
            guard !limits.isEmpty else { return terminal.result(terminal.text(.cliNoLimits)) }
            var table = TextTable([
                (terminal.text(.columnModel), .left), (terminal.text(.cliColumnConcurrency), .right),
                (terminal.text(.cliColumnPerMinute), .right),
            ])
            for limit in limits {
                table.add([limit.model, limit.concurrency?.grouped ?? "–", limit.perMinute?.grouped ?? "–"])
            }
            table.lines(width: terminal.width).forEach(terminal.result)
        }
    }
}
