import ArgumentParser
import Composition
import Core
import Embedding
import Foundation
import Messages
import Sources

extension Source {
    struct Add: Command {
        static let configuration = CommandConfiguration(
            abstract: "Attach to a table: its text becomes vectors, and stays in step.",
            usage: """
                millrace source add --table <table> --key <column,…> --text <column,…> \\
                           --into <column> [<options>]
                """,
            discussion: """
                  millrace source add --table products --key id --text title --into vec
                  millrace source add --table offers --key shop,sku --text name,notes \\
                      --template "{name}: {notes}" --into vec --collection offers

                Makes a status column, triggers, indexes and views, and says which. Attaching again changes nothing; \
                millrace source remove takes it off. With --print-sql it only prints the SQL.
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Option(help: "Your table.")
        var table: String

        @Option(
            help: ArgumentHelp(
                "Column, or columns with commas, that identify a row (UNIQUE and NOT NULL).", valueName: "column,…"))
        var key: String

        @Option(help: ArgumentHelp("Column, or columns with commas, whose text is embedded.", valueName: "column,…"))
        var text: String

        @Option(
            help: ArgumentHelp(
                "Column that receives the vector: text or JSON, BLOB or bytea, real[], pgvector's vector.",
                valueName: "column"))
        var into: String

        @Option(help: "How several columns become one text: \"{title}: {body}\". Line breaks otherwise.")
        var template: String?

        @Option(help: "Model (all-minilm-l6-v2); millrace models list.")
        var model: String?

        @Option(help: "Name for searches; the table's name otherwise.")
        var collection: String?

        @Option(
            help: ArgumentHelp(
                "Column for the row's state, made if it is not there (embedding_status).", valueName: "column"))
        var status: String?

        @Option(
            help: ArgumentHelp(
                "Column that is touched when a row is settled; updated_at where there is one.", valueName: "column"))
        var updated: String?

        @Option(help: "Rows that hold a usable vector already: missing keeps them, all embeds them again.")
        var backfill: BackfillMode = .missing

        @Flag(help: "Make no views: some migration tools cannot rebuild a table that a view reads.")
        var noViews = false

        @Flag(help: "Replace objects of other makers that bear Millrace's names.")
        var replace = false

        @Flag(name: .customLong("wal"), help: "Agree that the database file is turned to WAL mode.")
        var convertsToWAL = false

        @Flag(help: "Print the SQL and change nothing.")
        var printSQL = false

        enum BackfillMode: String, ExpressibleByArgument, CaseIterable {
            case missing, all
        }

        func perform() async throws {
            let settings = try await settings()
            let model = model ?? settings.model
            let space = try settings.modelStore.manifest(named: model).space
            var request = AttachRequest(
                table: table, key: key.columnList, text: text.columnList, into: into, model: model,
                dimension: space.dimension)
            request.template = template
            request.status = status
            request.updated = updated
            request.collection = collection
            request.hasViews = !noViews
            request.replacesObjects = replace
            let agreed = try convertsToWAL || consent(settings)
            // Looked at as it is first: what is refused leaves nothing behind.
            try await DatabaseOpening.looking(settings, convertsToWAL: agreed, logger: quietLogger(settings)) {
                [request] database in
                let attachment = Attachment(database: database)
                if printSQL {
                    Terminal.shared.result(try await attachment.sql(for: request))
                } else {
                    try await attachment.check(request)
                }
            }
            guard !printSQL else { return }
            try await withDatabase(settings, making: .tables) { [request] database in
                try await attach(request, settings, database)
            }
        }

        private func attach(_ request: AttachRequest, _ settings: Settings, _ database: any Database) async throws {
            let terminal = Terminal.shared
            let report = try await Attachment(database: database, onWait: WaitLine(terminal: terminal).show).add(
                request)
            if output.json {
                if report.isNew { try await takeIn(report.source, settings, database) }
                return try printJSON(
                    Added(
                        isNew: report.isNew, made: report.made, adopted: report.adopted,
                        source: try await SourceCounts.read(report.source, on: database)))
            }
            for object in report.made { terminal.result(terminal.text(.cliSourceMade, ["object": object])) }
            for object in report.adopted { terminal.result(terminal.text(.cliSourceAdopted, ["object": object])) }
            let name = report.source.collection
            guard report.isNew else {
                terminal.result(terminal.text(.cliSourceAgain, ["collection": name]))
                return try await SourceCounts.read(report.source, on: database).show(on: terminal)
            }
            try await takeIn(report.source, settings, database)
            try await SourceCounts.read(report.source, on: database).show(on: terminal)
            terminal.result(
                terminal.text(
                    .cliSourceAdded,
                    [
                        "table": report.source.definition.tableName.description, "collection": name,
                        "count": report.rowCount.grouped,
                    ]))
        }

        private func takeIn(_ source: Sources.Source, _ settings: Settings, _ database: any Database) async throws {
            try await BackfillRun(settings: settings, terminal: .shared).run(
                source, mode: backfill == .all ? .all : .missing, on: database)
        }

        private struct Added: Encodable {
            let isNew: Bool
            let made: [String]
            let adopted: [String]
            let source: SourceCounts
        }

        /// Asks before a user's file is turned to WAL; a script says `--wal` instead.
        private func consent(_ settings: Settings) throws -> Bool {
            guard case .sqlite(let path) = try settings.databaseAddress else { return false }
            guard DatabaseOpening.needsWALConsent(path), isatty(0) == 1, isatty(2) == 1 else { return false }
            FileHandle.standardError.write(Data((Terminal.shared.text(.cliAskWal, ["file": path]) + " ").utf8))
            return ["y", "yes", "예", "네"].contains(readLine()?.lowercased() ?? "")
        }
    }
}

extension String {
    /// Names with commas between them, as the flags take them. A name with a comma in it is written in double quotes.
    fileprivate var columnList: [String] {
        var names: [String] = []
        var name = ""
        var isQuoted = false
        for character in self {
            switch character {
            case "\"": isQuoted.toggle()
            case "," where !isQuoted:
                names.append(name)
                name = ""
            default: name.append(character)
            }
        }
        names.append(name)
        return names.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}

/// Takes in the rows that are there, with a progress line.
struct BackfillRun {
    let settings: Settings
    let terminal: Terminal

    func run(_ source: Sources.Source, mode: Sources.Backfill.Mode, on database: any Database) async throws {
        let space = try settings.knownSpace(of: source.definition.model)
        let backfill = Sources.Backfill(database: database, source: source, space: space)
        try await backfill.start(mode)
        var line = ProgressLine(terminal.text(.cliTakingIn), terminal: terminal)
        while true {
            let progress = try await backfill.step()
            line.show(progress.done, of: progress.total)
            if progress.isFinished { break }
        }
        line.end()
    }
}

/// How many rows of a source have each status.
struct SourceCounts: Encodable {
    let collection: String
    let status: String
    let total: Int
    let counts: [String: Int]

    static func read(_ source: Sources.Source, on database: any Database) async throws -> SourceCounts {
        let progress = try await database.read { connection in try SourceProgress.read(source, on: connection) }
        return SourceCounts(
            collection: source.collection, status: source.definition.status, total: progress.total,
            counts: Dictionary(
                uniqueKeysWithValues: SourceProgress.statuses.map { ($0, progress.counts[$0] ?? 0) }))
    }

    /// Each status with its share, zeros included.
    func show(on terminal: Terminal) {
        var table = TextTable([(status, .left), (terminal.text(.columnRows), .right), ("%", .right)])
        for status in SourceProgress.statuses {
            let count = counts[status] ?? 0
            let share = total == 0 ? 0 : 100 * Double(count) / Double(total)
            table.add([status, count.grouped, share.twoDecimals])
        }
        table.lines(width: terminal.width).forEach(terminal.result)
    }
}
