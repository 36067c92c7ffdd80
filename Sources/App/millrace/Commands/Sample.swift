import ArgumentParser
import Composition
import Core
import Embedding
import Messages
import Sources

struct Sample: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a sample table and attach it.", subcommands: [Parts.self, Packages.self])

    struct Parts: Command {
        static let configuration = CommandConfiguration(
            abstract: "A small parts catalogue, English and Korean: parts_master_features.")

        @OptionGroup var options: SharedOptions

        func perform() async throws {
            let settings = try await settings()
            var request = AttachRequest(
                table: PartsSample.table, key: ["id"], text: ["feature_text"], into: "clip_text_emb",
                model: settings.model, dimension: try settings.modelStore.manifest(named: settings.model).dimension)
            request.updated = "updated_at"
            try await withDatabase(settings) { [request] database in
                try await attach(request, try await PartsSample().load(into: database), settings, database)
            }
        }
    }

    struct Packages: Command {
        static let configuration = CommandConfiguration(
            abstract: "The name and description of every package that Debian knows: about 60,000 real texts.",
            discussion: "Reads apt-cache dumpavail; run apt-get update first where the list is empty.")

        @OptionGroup var options: SharedOptions

        @Option(help: "At most so many packages.")
        var limit: Int?

        func perform() async throws {
            let settings = try await settings()
            var request = AttachRequest(
                table: PackagesSample.table, key: ["name"], text: ["name", "description"], into: "embedding",
                model: settings.model, dimension: try settings.modelStore.manifest(named: settings.model).dimension)
            request.template = "{name}: {description}"
            try await withDatabase(settings) { [request] database in
                var line = ProgressLine(Terminal.shared.text(.cliLoading))
                let count = try await PackagesSample(limit: limit).load(into: database) { done, total in
                    line.show(done, of: total)
                }
                line.end()
                try await attach(request, count, settings, database)
            }
        }
    }
}

/// Attaches a sample's table and says what to do next.
private func attach(
    _ request: AttachRequest, _ count: Int, _ settings: Settings, _ database: any Database
) async throws {
    let terminal = Terminal.shared
    let report = try await Attachment(database: database).add(request)
    if report.isNew {
        try await BackfillRun(settings: settings, terminal: terminal).run(report.source, mode: .missing, on: database)
    }
    try await SourceCounts(terminal: terminal).show(report.source, on: database)
    terminal.result(
        terminal.text(
            count == 0 ? .cliSampleThere : .cliSampleMade,
            ["table": request.table, "count": report.rowCount.grouped]))
}
