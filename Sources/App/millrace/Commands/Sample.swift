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
            abstract: "A small parts catalogue, English and Korean: parts_master_features.",
            usage: "millrace sample parts [<options>]",
            discussion: "  millrace sample parts")

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        func perform() async throws {
            let settings = try await settings()
            var request = AttachRequest(
                table: PartsSample.table, key: ["id"], text: ["feature_text"], into: "clip_text_emb",
                model: settings.model, dimension: try settings.modelStore.manifest(named: settings.model).dimension)
            request.updated = "updated_at"
            try await withDatabase(settings, making: .database) { [request] database in
                try await attach(
                    request, try await PartsSample().load(into: database), settings, database, json: output.json)
            }
        }
    }

    struct Packages: Command {
        static let configuration = CommandConfiguration(
            abstract: "The name and description of every package that Debian knows: about 60,000 real texts.",
            usage: "millrace sample packages [--limit <limit>] [<options>]",
            discussion: """
                  millrace sample packages --limit 5000

                Reads apt-cache dumpavail; run apt-get update first where the list is empty.
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Option(help: "At most so many packages.")
        var limit: Int?

        func perform() async throws {
            let settings = try await settings()
            var request = AttachRequest(
                table: PackagesSample.table, key: ["name"], text: ["name", "description"], into: "embedding",
                model: settings.model, dimension: try settings.modelStore.manifest(named: settings.model).dimension)
            request.template = "{name}: {description}"
            try await withDatabase(settings, making: .database) { [request] database in
                var line = ProgressLine(Terminal.shared.text(.cliLoading))
                let count = try await PackagesSample(limit: limit).load(into: database) { done, total in
                    line.show(done, of: total)
                }
                line.end()
                try await attach(request, count, settings, database, json: output.json)
            }
        }
    }
}

/// Attaches a sample's table and says what to do next.
private func attach(
    _ request: AttachRequest, _ count: Int, _ settings: Settings, _ database: any Database, json: Bool
) async throws {
    let terminal = Terminal.shared
    let report = try await Attachment(database: database).add(request)
    if report.isNew {
        try await BackfillRun(settings: settings, terminal: terminal).run(report.source, mode: .missing, on: database)
    }
    let counts = try await SourceCounts.read(report.source, on: database)
    if json { return try printJSON(counts) }
    counts.show(on: terminal)
    terminal.result(
        terminal.text(
            count == 0 ? .cliSampleThere : .cliSampleMade,
            ["table": request.table, "count": report.rowCount.grouped]))
}
