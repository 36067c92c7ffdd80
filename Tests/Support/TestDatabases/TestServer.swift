import Core
import DatabasePostgres
import FoundationEssentials
package import Logging
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The private PostgreSQL that `Scripts/check` starts before the tests and names in `MILLRACE_TEST_POSTGRES`.
package struct TestServer: Sendable {
    /// Why no test on PostgreSQL can run.
    package struct Missing: Error, CustomStringConvertible {
        package let description: String
    }

    /// The superuser's URL of the maintenance database, over the server's socket.
    package let url: String
    private let admin: PostgresDatabase
    private let done = Done()

    /// The server of this run, connected to once.
    package static func shared() async throws -> TestServer {
        try await SharedServer.only.get()
    }

    /// Connects to a server by its superuser's URL.
    package init(url: String) async throws {
        var options = PostgresDatabase.Options()
        options.writers = 2
        options.listens = false
        self.url = url
        admin = try await PostgresDatabase.open(url, options: options, logger: .quiet)
    }

    fileprivate static func start() async throws -> TestServer {
        guard let url = getenv("MILLRACE_TEST_POSTGRES").map({ String(cString: $0) }), !url.isEmpty else {
            throw Missing(
                description:
                    "there is no PostgreSQL to test with: run Scripts/check test, or first export MILLRACE_TEST_POSTGRES=$(Scripts/test-postgres start)"
            )
        }
        return try await TestServer(url: url)
    }

    /// A URL of `database` on this server, over its socket as the superuser.
    package func url(of database: String) -> String {
        "\(url.prefix(upTo: url.lastIndex(of: "/") ?? url.endIndex))/\(database)"
    }

    /// A URL over TCP, where a password is asked for.
    package func url(of database: String, role: String, password: String) -> String {
        "postgres://\(role):\(password)@127.0.0.1:\(port)/\(database)"
    }

    package var port: String {
        String(url.prefix(upTo: url.lastIndex(of: "/") ?? url.endIndex).split(separator: ":").last ?? "5432")
    }

    /// The folder of the server's socket, in which its data folder is too.
    package var folder: String {
        let host = url.drop { $0 != "@" }.dropFirst().prefix { $0 != ":" }
        return String(host).replacing("%2F", with: "/")
    }

    /// Runs one statement in the maintenance database, outside transactions: CREATE DATABASE, CREATE ROLE.
    package func run(_ statement: String) async throws {
        try await admin.runAlone(statement)
    }

    private static let made = Atomic<Int>(0)

    /// Makes an empty database of its own. - Returns: its name.
    package func createDatabase(_ rest: String = "") async throws -> String {
        try await removeDone()
        let number = Self.made.add(1, ordering: .relaxed).newValue
        let name = "test_\(getpid())_\(number)"
        try await run("CREATE DATABASE \(name) \(rest)")
        return name
    }

    /// A test is done with `name`. It is removed when another one is made and nobody is connected to it any more; what is
    /// left at the end goes with the server's folder.
    package func isDone(with name: String) {
        done.names.withLock { $0.append(name) }
    }

    private func removeDone() async throws {
        var names = done.names.withLock { names in
            defer { names = [] }
            return names
        }
        let used = try await admin.read { connection in
            try connection.rows(.both("SELECT DISTINCT datname FROM pg_stat_activity WHERE datname IS NOT NULL"))
                .map { $0.text(0) }
        }
        for name in names where !used.contains(name) {
            try await run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
            names.removeAll { $0 == name }
        }
        done.names.withLock { $0 += names }
    }

    private final class Done: Sendable {
        let names = Mutex<[String]>([])
    }

    package func close() async {
        await admin.close()
    }
}

/// Connects once, however many tests ask at the same time.
private actor SharedServer {
    static let only = SharedServer()
    private var connecting: Task<TestServer, any Error>?

    func get() async throws -> TestServer {
        let task = connecting ?? Task { try await TestServer.start() }
        connecting = task
        return try await task.value
    }
}

extension Logger {
    /// Says nothing.
    package static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
