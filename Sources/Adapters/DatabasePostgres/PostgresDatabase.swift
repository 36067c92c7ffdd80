package import Core
import Foundation
package import Logging

/// The port over a PostgreSQL server, in a database that is the user's: other programs read and write it at the same
/// time.
///
/// A few connections read, a few write (``ConnectionPool``), one listens (``Listener``); each has a thread, callers are
/// tasks that wait for them. A connection that breaks is replaced; who waited for it gets ``DatabaseError/Code/io``.
package final class PostgresDatabase: Database {
    package let dialect = Dialect.postgres
    /// `host:port/database`, for people; never the password.
    package let place: String
    private let writers: ConnectionPool
    private let readers: ConnectionPool
    private let listener: Listener
    /// Entered by every thread.
    private let running: DispatchGroup

    private init(_ writers: ConnectionPool, _ readers: ConnectionPool, _ listener: Listener, _ running: DispatchGroup) {
        place = writers.address.place
        self.writers = writers
        self.readers = readers
        self.listener = listener
        self.running = running
    }

    deinit {
        beginClosing()
    }

    private func beginClosing() {
        listener.close()
        readers.close()
        writers.close()
    }

    /// Opens the database that `url` names, `postgres://user:password@host:port/database?sslmode=…`, with everything that
    /// libpq reads from a URL, the environment and its files.
    ///
    /// - Throws: ``DatabaseError/Code/cannotOpen`` for a URL that cannot be read, a refused role, a missing database, a
    ///   failed TLS handshake, a server or an encoding that cannot be used; `readOnly` for a replica; `denied` without the
    ///   right to connect; `busy` where the server has no connection left; `io` where it cannot be reached or is starting.
    package static func open(
        _ url: String, options: Options = Options(), logger: Logger
    ) async throws(DatabaseError) -> PostgresDatabase {
        let result: Result<PostgresDatabase, DatabaseError> = await withCheckedContinuation { continuation in
            // A thread, since connecting takes as long as the network does.
            Thread {
                continuation.resume(
                    returning: Result { () throws(DatabaseError) in try openBlocking(url, options, logger) })
            }.start()
        }
        return try result.get()
    }

    private static func openBlocking(
        _ url: String, _ options: Options, _ logger: Logger
    ) throws(DatabaseError) -> PostgresDatabase {
        let address = try ServerAddress(url)
        let listener = try Self.listener(address, options, logger)
        let first = try PostgresHandle.connect(address, options, isWriter: true)
        let running = DispatchGroup()
        let writers = ConnectionPool(
            address, options, isWriter: true, listener: listener, running: running, logger: logger)
        let readers = ConnectionPool(
            address, options, isWriter: false, listener: listener, running: running, logger: logger)
        writers.start(with: first)
        listener.start(in: running)
        return PostgresDatabase(writers, readers, listener, running)
    }

    /// Listens at the server itself; through a pooler it can only tell.
    private static func listener(
        _ address: ServerAddress, _ options: Options, _ logger: Logger
    ) throws(DatabaseError) -> Listener {
        var options = options
        guard let url = options.listenURL else {
            options.listens = options.listens && options.preparesStatements
            return try Listener(address, options, logger: logger)
        }
        options.preparesStatements = true
        return try Listener(ServerAddress(url), options, logger: logger)
    }

    package func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Result
    ) async throws -> Result {
        try await readers.submit(.read) { try body($0) }
    }

    @discardableResult
    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Result
    ) async throws -> Result {
        try await writers.submit(.write) { try body($0) }
    }

    package func runAlone(_ statement: String) async throws {
        try await writers.submit(.alone(statement)) { _ in }
    }

    /// Looks at a number in memory.
    package func changeMark() async throws -> Int64 {
        listener.changeMark
    }

    /// Serves what waits, then ends all connections.
    package func close() async {
        beginClosing()
        await withCheckedContinuation { continuation in
            running.notify(queue: .global()) { continuation.resume() }
        }
    }
}
