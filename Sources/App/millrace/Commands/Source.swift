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
        static let configuration = CommandConfiguration(abstract: "List the attached tables.")

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
                    source.collection, source.state.rawValue, source.progressPercentage.twoDecimals,
                    source.total.grouped,
                    "\(source.table)(\(source.key.joined(separator: ","))): \(source.text.joined(separator: ",")) → \(source.into), \(source.model)",
                ])
            }
            table.lines(width: terminal.width).forEach(terminal.result)
        }
    }

    struct Remove: Command {
        static let configuration = CommandConfiguration(
            abstract: "Take a source off: what Millrace made goes, your data and the written vectors stay.")

        @OptionGroup var options: SharedOptions

        @Argument(help: "The collection's name, as millrace source list shows it.")
        var collection: String

        @Flag(help: "Also set the vector column to NULL in every row.")
        var erase = false

        func perform() async throws {
            let settings = try await settings()
            let dropped = try await withDatabase(settings) { database in
                try await Attachment(database: database, onWait: WaitLine(terminal: .shared).show).remove(
                    collection, erases: erase)
            }
            let terminal = Terminal.shared
            for name in dropped { terminal.result(terminal.text(.cliSourceDropped, ["object": name])) }
            terminal.result(
                terminal.text(erase ? .cliSourceRemovedErased : .cliSourceRemoved, ["collection": collection]))
        }
    }

    struct Backfill: Command {
        static let configuration = CommandConfiguration(
            abstract: "Go through all rows of a source again.",
            discussion: "Rows that already hold a usable vector stay completed, unless --all is given.")

        @OptionGroup var options: SharedOptions

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
                try await SourceCounts(terminal: .shared).show(source, on: database)
            }
        }
    }

    struct Suspend: Command {
        static let configuration = CommandConfiguration(
            abstract: "Take triggers and views away for a migration of your table; no row is claimed meanwhile.")

        @OptionGroup var options: SharedOptions

        @Argument(help: "The collection's name.")
        var collection: String

        func perform() async throws {
            let settings = try await settings()
            try await withDatabase(settings) { database in
                try await Attachment(database: database, onWait: WaitLine(terminal: .shared).show).suspend(collection)
            }
            Terminal.shared.result(Terminal.shared.text(.cliSourceSuspended, ["collection": collection]))
        }
    }

    struct Resume: Command {
        static let configuration = CommandConfiguration(
            abstract: "Put triggers and views back, and find what changed meanwhile.")

        @OptionGroup var options: SharedOptions

        @Argument(help: "The collection's name.")
        var collection: String

        func perform() async throws {
            let settings = try await settings()
            let name = collection
            let findings = try await withDatabase(settings) { database in
                try await Attachment(database: database, onWait: WaitLine(terminal: .shared).show).resume(name)
                let source = try await database.read { connection in try SourceStore().named(name, on: connection) }
                return try await Sweep(
                    database: database, source: source, space: try settings.knownSpace(of: source.definition.model)
                ).whole()
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
