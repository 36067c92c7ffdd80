import Foundation

/// PgBouncer in transaction mode before the private server: a connection of its own for each transaction.
package final class Pooler: Sendable {
    private let program: Program
    private let folder: String
    private let port: String
    private let server: TestServer

    /// - Parameter connections: those to the server, shared by all clients.
    package init(before server: TestServer, connections: Int = 2) async throws {
        self.server = server
        port = try await Program.run(
            "python3",
            ["-c", "import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])"])
        // Run as the server's user, since it refuses to run as root.
        folder = try await PrivateServer.run("mktemp", ["-d", "\(NSTemporaryDirectory())/millrace-pooler-XXXXXX"])
        let settings = """
            [databases]
            * = host=\(server.folder) port=\(server.port) user=postgres
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = \(connections)
            max_client_conn = 100
            server_login_retry = 1
            """
        try await PrivateServer.run(
            "bash", ["-c", "printf '%s\\n' \"$1\" >\"$0/pgbouncer.ini\"", folder, settings])
        program = try Program("Scripts/test-postgres", ["run", "pgbouncer", "\(folder)/pgbouncer.ini"])
        var said = ""
        repeat { said = program.line() } while !said.isEmpty && !said.contains("process up")
        guard !said.isEmpty else { throw Program.Failed(description: "pgbouncer did not start") }
        program.ignoreTheRest()
    }

    deinit {
        program.kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// A URL of `database` through the pooler.
    package func url(of database: String) -> String {
        "postgres://postgres@127.0.0.1:\(port)/\(database)"
    }
}
