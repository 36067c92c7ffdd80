import ArgumentParser
import Composition
import Foundation
import Messages

struct ServeCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server: HTTP, page, live index and its own workers.",
        usage: "millrace serve [--port <port>] [--workers <workers>] [<options>]",
        discussion: """
            Binds 127.0.0.1 and starts one worker process. Ctrl-C or SIGTERM lets workers and requests finish, then exits 0.

              millrace serve --port 9000 --workers 2
              millrace serve --workers 0        workers run elsewhere: millrace worker
              millrace serve --host 0.0.0.0     other machines too

            For other machines it needs MILLRACE_TLS_CERT, MILLRACE_TLS_KEY and MILLRACE_ADMIN_TOKEN.
            """)

    @OptionGroup var options: SharedOptions

    @Option(help: "HTTP port (PORT, 8000).")
    var port: Int?

    @Option(help: "Worker processes to start, 0 for none (MILLRACE_WORKERS, 1).")
    var workers: Int?

    @Option(help: "Address to bind (MILLRACE_HOST, 127.0.0.1).")
    var host: String?

    @Flag(help: "Let other machines in without a token (MILLRACE_ALLOW_OPEN).")
    var allowOpen = false

    @Flag(help: "Let other machines in without TLS, where a proxy or a tunnel encrypts (MILLRACE_ALLOW_PLAINTEXT).")
    var allowPlaintext = false

    func perform() async throws {
        let settings = try await settings([
            .port: port.map(String.init), .workers: workers.map(String.init), .host: host,
            .allowOpen: allowOpen ? "1" : nil, .allowPlaintext: allowPlaintext ? "1" : nil,
        ])
        // Its workers read the same settings, flags included.
        for setting in [Setting.home, .database, .logLevel] where settings.value(setting).origin == .flag {
            setenv(setting.rawValue, settings.value(setting).value, 1)
        }
        let terminal = Terminal.shared
        let role = ServerRole(
            settings: settings, logger: serviceLogger(settings, "millrace.serve")
        ) { address in
            terminal.result(terminal.text(.cliServing, ["address": address]))
            // As it can be typed: with the path by which this program was called, and the port where it is another.
            let program = CommandLine.arguments[0]
            let port = settings.value(.port).origin == .standard ? "" : " --port \(settings.port)"
            terminal.result(
                terminal.text(.cliTry, ["command": "\(program) search \"stainless steel hex bolt\"\(port)"]))
        }
        try await role.run()
        terminal.result(terminal.text(.cliStopped))
    }
}
