import ArgumentParser
import Composition
import Core
import Foundation
import Messages
import Serve
import Sources

struct Source: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Attach tables, list them, take them off.",
        subcommands: [Add.self, List.self, Remove.self, Backfill.self, Suspend.self, Resume.self])

    struct List: Command {
        static let configuration = CommandConfiguration(
            abstract: "List the attached tables.",
            usage: "millrace source list [<options>]", discussion: "  millrace source list --json")

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        func perform() async throws {
            let settings = try await settings()
            let status = try await withDatabase(settings) { try await StatusReader(database: $0).read() }
            if output.json { return try printJSON(["sources": status.sources]) }
            let terminal = Terminal.shared
            guard !status.sources.isEmpty else { return terminal.result(terminal.text(.cliStatusNoSources)) }
            var table = TextTable([
                (terminal.text(.columnCollection), .left), (terminal.text(.columnState), .left), ("%", .right),
                (terminal.text(.columnRows), .right), (terminal.text(.columnTable), .left),
            ])
            for source in status.sources {
                table.add([
                    source.collection, terminal.text(source.state.message), source.progressPercentage.twoDecimals,
                    source.total.grouped,
                    "\(source.table)(\(source.key.joined(separator: ","))): \(source.text.joined(separator: ",")) → \(source.into), \(source.model)",
                ])
            }
            table.lines(width: terminal.width).forEach(terminal.result)
        }
    }

    struct Remove: Command {
        static let configuration = CommandConfiguration(
            abstract: "Take a source off: what Millrace made goes, your data and the written vectors stay.",
            usage: "millrace source remove <collection> [--erase] [<options>]",
            discussion: """
                  millrace source remove products
                  millrace source remove products --erase
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Argument(help: "The collection's name, as millrace source list shows it.")
        var collection: String

        @Flag(help: "Also set the vector column to NULL in every row.")
        var erase = false

        private func rows(on database: any Database) async throws -> Int {
            let name = collection
            return try await database.read { connection in
                try SourceProgress.read(SourceStore().named(name, on: connection), on: connection).total
            }
        }

        private struct Removed: Encodable {
            let collection: String
            let dropped: [String]
            let erased: Bool
        }

        func perform() async throws {
            let settings = try await settings()
            let terminal = Terminal.shared
            let dropped = try await withDatabase(settings) { database in
                let total = erase ? try await rows(on: database) : 0
                var (line, done) = (ProgressLine(terminal.text(.cliErasing)), 0)
                defer { line.end() }
                return try await Attachment(database: database, onWait: WaitLine(terminal: terminal).show).remove(
                    collection, erases: erase
                ) { rows in
                    done = min(done + rows, total)
                    line.show(done, of: total)
                }
            }
            if output.json { return try printJSON(Removed(collection: collection, dropped: dropped, erased: erase)) }
            for name in dropped { terminal.result(terminal.text(.cliSourceDropped, ["object": name])) }
            terminal.result(
                terminal.text(erase ? .cliSourceRemovedErased : .cliSourceRemoved, ["collection": collection]))
        }
    }

    struct Backfill: Command {
        static let configuration = CommandConfiguration(
            abstract: "Go through all rows of a source again.",
            usage: "millrace source backfill <collection> [--all] [<options>]",
            discussion: """
                  millrace source backfill products
                  millrace source backfill products --all

                Rows that already hold a usable vector stay completed, unless --all is given.
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Argument(help: "The collection's name.")
        var collection: String

        @Flag(help: "Embed every row again.")
        var all = false

        func perform() async throws {
            let settings = try await settings()
            let name = collection
            try await withDatabase(settings) { database in
                let source = try await database.read { connection in try SourceStore().named(name, on: connection) }
                try await BackfillRun(settings: settings, terminal: .shared).run(
                    source, mode: all ? .all : .missing, on: database)
                let counts = try await SourceCounts.read(source, on: database)
                if output.json { return try printJSON(counts) }
                counts.show(on: .shared)
            }
        }
    }

    struct Suspend: Command {
        static let configuration = CommandConfiguration(
            abstract: "Take triggers and views away for a migration of your table; no row is claimed meanwhile.",
            usage: "millrace source suspend <collection> [<options>]",
            discussion: """
                  millrace source suspend products
                  … migrate the table …
                  millrace source resume products
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Argument(help: "The collection's name.")
        var collection: String

        func perform() async throws {
            let settings = try await settings()
            try await withDatabase(settings) { database in
                try await Attachment(database: database, onWait: WaitLine(terminal: .shared).show).suspend(collection)
            }
            if output.json { return try printJSON(["collection": collection, "state": "suspended"]) }
            Terminal.shared.result(Terminal.shared.text(.cliSourceSuspended, ["collection": collection]))
        }
    }

    struct Resume: Command {
        static let configuration = CommandConfiguration(
            abstract: "Put triggers and views back, and find what changed meanwhile.",
            usage: "millrace source resume <collection> [<options>]",
            discussion: "  millrace source resume products")

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        private struct Resumed: Encodable {
            let collection: String
            let rows: Int
            let wanted: Int
            let relabelled: Int
            let ghosts: Int
        }

        @Argument(help: "The collection's name.")
        var collection: String

        func perform() async throws {
            let settings = try await settings()
            let name = collection
            let findings = try await withDatabase(settings) { database in
                try await Attachment(database: database, onWait: WaitLine(terminal: .shared).show).resume(name)
                let source = try await database.read { connection in try SourceStore().named(name, on: connection) }
                let total = try await SourceCounts.read(source, on: database).total
                var line = ProgressLine(Terminal.shared.text(.cliComparing))
                defer { line.end() }
                return try await Sweep(
                    database: database, source: source, space: try settings.knownSpace(of: source.definition.model)
                ).whole { line.show(min($0, total), of: total) }
            }
            if output.json {
                return try printJSON(
                    Resumed(
                        collection: name, rows: findings.rows, wanted: findings.wanted,
                        relabelled: findings.relabelled, ghosts: findings.ghosts))
            }
            Terminal.shared.result(
                Terminal.shared.text(
                    .cliSourceResumed,
                    [
                        "collection": name, "rows": findings.rows.grouped, "wanted": findings.wanted.grouped,
                        "ghosts": findings.ghosts.grouped,
                    ]))
        }
    }
}
