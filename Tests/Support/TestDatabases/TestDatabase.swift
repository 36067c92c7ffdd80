package import Core
import DatabasePostgres
import DatabaseSQLite
import Foundation
import Logging

/// A database for one test: a file in a folder of its own, or a database on the private server. Removed with it.
///
/// Suites that run on both take it as argument: `@Test(arguments: Dialect.allCases)`.
package final class TestDatabase: Sendable {
    package let dialect: Dialect
    /// The file's path, or the URL.
    package let address: String
    /// Where the file is; nil on PostgreSQL.
    private let folder: String?
    private let server: TestServer?

    package init(_ dialect: Dialect) async throws {
        self.dialect = dialect
        switch dialect {
        case .sqlite:
            var template = Array((NSTemporaryDirectory() + "/millrace-test-XXXXXX").utf8CString)
            let folder = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
            self.folder = folder
            address = folder + "/parts.db"
            server = nil
        case .postgres:
            let server = try await TestServer.shared()
            address = server.url(of: try await server.createDatabase())
            self.server = server
            folder = nil
        }
    }

    /// A database on a server of the test's own, over its superuser's URL.
    package init(on url: String) async throws {
        let server = try await TestServer(url: url)
        dialect = .postgres
        address = server.url(of: try await server.createDatabase())
        self.server = server
        folder = nil
    }

    deinit {
        if let folder { try? FileManager.default.removeItem(atPath: folder) }
        server?.isDone(with: name)
    }

    /// The database's name on the server.
    package var name: String {
        String(address.suffix(from: address.index(after: address.lastIndex(of: "/") ?? address.startIndex)))
    }

    /// The connections of another role, over the socket where everyone is trusted; PostgreSQL alone.
    package func open(role: String) async throws -> any Database {
        try await PostgresDatabase.open(
            address.replacing("postgres://postgres@", with: "postgres://\(role)@", maxReplacements: 1), logger: .quiet)
    }

    /// One more program's connections. Nothing written here survives a power cut.
    package func open() async throws -> any Database {
        switch dialect {
        case .sqlite:
            var options = SQLiteDatabase.Options()
            options.isDurable = false
            return try await SQLiteDatabase.open(path: address, options: options, logger: .quiet)
        case .postgres:
            return try await PostgresDatabase.open(address, logger: .quiet)
        }
    }
}
