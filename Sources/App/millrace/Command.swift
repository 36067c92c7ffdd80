import ArgumentParser
import Composition
import Core
import Foundation
import Logging

/// A subcommand: does its work, and ends with one sentence and a meaningful exit code where it cannot.
protocol Command: AsyncParsableCommand {
    var options: SharedOptions { get }

    func perform() async throws
}

extension Command {
    func run() async throws {
        do {
            try await perform()
        } catch let exit as ExitCode {
            throw exit
        } catch {
            let failure = Failure(error)
            Terminal.shared.error(failure.message)
            throw ExitCode(failure.exit.rawValue)
        }
    }

    /// The settings with this command's flags first.
    func settings(_ flags: [Setting: String?] = [:]) async throws(Failure) -> Settings {
        var given = flags.compactMapValues { $0 }
        given[.home] = options.home ?? given[.home]
        given[.database] = options.database ?? given[.database]
        given[.logLevel] = options.logLevel ?? given[.logLevel]
        return try await Settings.load(flags: given)
    }

    /// Opens the database for the time of `body`; one that is not there, or that Millrace was never told of, is refused.
    func withDatabase<Result>(
        _ settings: Settings, making: DatabaseOpening.Making = .nothing, convertsToWAL: Bool = false,
        _ body: (any Database) async throws -> Result
    ) async throws -> Result {
        try await DatabaseOpening.with(
            settings, making: making, convertsToWAL: convertsToWAL, logger: quietLogger(settings), body)
    }

    /// A logger on stderr that keeps to warnings, for commands that answer and end.
    func quietLogger(_ settings: Settings) -> Logger {
        var logger = Logger(label: "millrace") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = settings.value(.logLevel).origin == .standard ? .warning : settings.logLevel
        return logger
    }

    /// A logger on stdout, for the commands that stay: a process manager keeps and rotates it.
    func serviceLogger(_ settings: Settings, _ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardOutput(label: $0) }
        logger.logLevel = settings.logLevel
        return logger
    }
}

/// Flags that every subcommand takes.
struct SharedOptions: ParsableArguments {
    @Option(help: "Data folder (MILLRACE_HOME).")
    var home: String?

    @Option(help: "Database, sqlite:///path/to/file or postgres://… (DATABASE_URL).")
    var database: String?

    @Option(help: "trace, debug, info, notice, warning or error (MILLRACE_LOG_LEVEL).")
    var logLevel: String?
}

/// `--json` for scripts.
struct JSONOption: ParsableArguments {
    @Flag(help: "Print JSON on one line, for scripts.")
    var json = false
}

/// Prints a value as one line of JSON with snake-case names.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    Terminal.shared.result(String(decoding: try encoder.encode(value), as: UTF8.self))
}
