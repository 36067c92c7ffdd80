import Foundation

/// A PostgreSQL of one test's own, to be stopped, started and misconfigured; `Scripts/test-postgres` makes it.
package final class PrivateServer: Sendable {
    /// The superuser's URL of the maintenance database.
    package let url: String
    private static let script = "Scripts/test-postgres"

    /// - Parameters:
    ///   - settings: lines of postgresql.conf, such as `max_connections = 9`.
    ///   - hasPgvector: of another make than the machine's own, with the extension's files.
    package init(_ settings: [String] = [], hasPgvector: Bool = false) async throws {
        url = try await Program.run(Self.script, [hasPgvector ? "start-pgvector" : "start"] + settings)
    }

    /// A server that follows `primary` and can only be read.
    package static func replica(of primary: PrivateServer) async throws -> PrivateServer {
        let replica = try await PrivateServer()
        let (data, configuration) = (try await replica.data, try await replica.configuration)
        try await replica.stop("fast")
        try await run("bash", ["-c", "rm -rf \"$0\"", data])
        try await run(
            "pg_basebackup",
            ["--pgdata=\(data)", "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname=\(primary.url)"])
        try await run("bash", ["-c", "printf '%s' \"$1\" >\"$0/postgresql.conf\"", data, configuration])
        try await replica.start()
        return replica
    }

    private var configuration: String {
        get async throws { try await Self.run("cat", ["\(data)/postgresql.conf"]) }
    }

    /// The folder of its socket.
    package var address: String {
        String(url.drop { $0 != "@" }.dropFirst().prefix { $0 != ":" }).replacing("%2F", with: "/")
    }

    package var port: String {
        String(url.split(separator: ":").last?.prefix { $0 != "/" } ?? "")
    }

    deinit {
        _ = try? Program(Self.script, ["stop", url]).output()
    }

    /// The data folder.
    package var data: String {
        get async throws { try await Program.run(Self.script, ["folder", url]) }
    }

    /// Runs a program, one of PostgreSQL's or another, as the server's user.
    @discardableResult
    package static func run(_ program: String, _ arguments: [String]) async throws -> String {
        try await Program.run(script, ["run", program] + arguments)
    }

    /// Ends the server: `immediate` as a power cut would, `fast` in order.
    package func stop(_ mode: String = "immediate") async throws {
        try await Self.run("pg_ctl", ["--pgdata=\(data)", "--mode=\(mode)", "--wait", "stop"])
    }

    /// Sends a signal to one of a server's processes.
    package static func signal(_ name: String, _ identifier: Int64) async throws {
        try await Program.run("kill", ["-\(name)", String(identifier)])
    }

    /// Starts it again after ``stop(_:)``.
    package func start() async throws {
        try await Program.run(Self.script, ["again", url])
    }
}
