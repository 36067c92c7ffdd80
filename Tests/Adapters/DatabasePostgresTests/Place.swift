import Core
import DatabasePostgres
import Foundation
import Logging
import Synchronization
import TestDatabases

/// Opens the test's database with other options than the product's.
func open(
    _ place: TestDatabase, logger: Logger = .quiet, _ change: (inout PostgresDatabase.Options) -> Void = { _ in }
) async throws -> PostgresDatabase {
    // The database lasts as long as the object that stands for it, or a connection to it.
    defer { withExtendedLifetime(place) {} }
    return try await open(url: place.address, logger: logger, change)
}

func open(
    url: String, logger: Logger = .quiet, _ change: (inout PostgresDatabase.Options) -> Void = { _ in }
) async throws -> PostgresDatabase {
    var options = PostgresDatabase.Options()
    change(&options)
    return try await PostgresDatabase.open(url, options: options, logger: logger)
}

/// The error that `body` throws, nil where it throws none or another kind.
func refusal<Result>(of body: () async throws -> Result) async -> DatabaseError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? DatabaseError
    }
}

/// Lets one thread or task wait for another, without a sleep.
final class Signal: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func send() {
        semaphore.signal()
    }

    /// Blocks the thread.
    func wait() {
        semaphore.wait()
    }

    func received() async {
        await withCheckedContinuation { continuation in
            Thread {
                self.wait()
                continuation.resume()
            }.start()
        }
    }
}

/// What closures on several threads count.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .acquiring) }

    /// - Returns: the number that this one is, from 1.
    @discardableResult
    func add() -> Int { count.add(1, ordering: .acquiringAndReleasing).newValue }
}

/// Returns when `condition` holds, asked again and again; the server's own activity view gives no signal. Fails by
/// throwing after a minute.
func until(_ what: String, _ condition: () async throws -> Bool) async throws {
    struct NeverHappened: Error { let what: String }
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NeverHappened(what: what) }
        await Task.yield()
    }
}

extension Connection {
    /// One value.
    func value(_ text: String, _ parameters: Parameters = [:]) throws(DatabaseError) -> Value? {
        try row(.both(SQLText(text)), parameters)?[0]
    }
}

extension Database {
    func value(_ text: String, _ parameters: Parameters = [:]) async throws -> Value? {
        try await read { try $0.value(text, parameters) }
    }
}

/// Keeps what was logged.
final class LogRecord: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(record: self) } }

    private struct Handler: LogHandler {
        let record: LogRecord
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            record.lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
        }
    }
}

/// A value that a body tells while it runs.
final class Reported: Sendable {
    private let held = Mutex<Value?>(nil)

    var value: Value? { held.withLock { $0 } }

    func set(_ value: Value?) { held.withLock { $0 = value } }
}

extension PostgresDatabase {
    /// Ends another connection of the same database, as an administrator would, and returns when it is gone.
    func endBackend(_ identifier: Value?) async throws {
        _ = try await value("SELECT pg_terminate_backend(:pid::int)", ["pid": identifier ?? .null])
        try await until("the connection is gone") {
            try await value("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid::int", ["pid": identifier ?? .null])
                == 0
        }
    }
}
