import ArgumentParser
import Composition
import Core
import Messages

/// `millrace db`: looks after the database itself.
struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db", abstract: "Look after the database: schema, check, move to PostgreSQL.",
        subcommands: [Migrate.self, Check.self, Copy.self])

    struct Migrate: Command {
        static let configuration = CommandConfiguration(
            abstract: "Bring Millrace's tables up to date, and say what was done.",
            usage: "millrace db migrate [<options>]",
            discussion: """
                  millrace db migrate

                Every command does this for a database that has Millrace's tables. Run it by hand, as the owner of these \
                tables, where workers and servers connect with a role that may change no tables.
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        private struct Report: Encodable {
            let applied: [String]
            let version: Int64
        }

        func perform() async throws {
            let settings = try await settings()
            let applied = try await DatabaseOpening.migrate(settings, logger: quietLogger(settings))
            let version = Migration.all.last?.version ?? 0
            if output.json { return try printJSON(Report(applied: applied, version: version)) }
            let terminal = Terminal.shared
            for step in applied { terminal.result(terminal.text(.migrateApplied, ["step": step])) }
            terminal.result(terminal.text(.migrateUpToDate, ["version": String(version)]))
        }
    }
}
