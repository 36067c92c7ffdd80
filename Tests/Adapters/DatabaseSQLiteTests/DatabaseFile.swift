import Core
import Foundation
import Logging
import Synchronization

@testable import DatabaseSQLite

/// A database file in a folder of its own, removed with it, and the foreign programs that share it.
final class DatabaseFile: Sendable {
    let folder: String
    var path: String { folder + "/parts.db" }

    init() {
        var template = Array((NSTemporaryDirectory() + "/millrace-test-XXXXXX").utf8CString)
        folder = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    func open(
        logger: Logger = .quiet, _ change: (inout SQLiteDatabase.Options) -> Void = { _ in }
    ) async throws -> SQLiteDatabase {
        var options = SQLiteDatabase.Options()
        change(&options)
        return try await SQLiteDatabase.open(path: path, options: options, logger: logger)
    }

    /// What the sqlite3 command line program prints for `sql`, errors included, without the last line break.
    @discardableResult
    func sqlite3(_ sql: String) throws -> String {
        try Program("sqlite3", ["-cmd", ".timeout 5000", path, sql]).output()
    }
}

/// Another process.
final class Program {
    private let process = Process()
    private let pipe = Pipe()

    init(_ name: String, _ arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    /// Blocks until it has printed a line.
    func line() -> String {
        var bytes: [UInt8] = []
        while let byte = try? pipe.fileHandleForReading.read(upToCount: 1), let byte = byte.first, byte != 10 {
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Waits for its end.
    func output() throws -> String {
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The same, on a thread of its own.
    func finished() async throws -> String {
        nonisolated(unsafe) let program = self
        return try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try program.output() }) }.start()
        }
    }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

extension Logger {
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// Keeps what was logged.
final class LogRecord: Sendable {
    let lines = Mutex<[String]>([])

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
            record.lines.withLock {
                $0.append("\(event.level) \(event.message) \(event.metadata?["statement"]?.description ?? "")")
            }
        }
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

/// The code of the error that `body` throws, nil where it throws none or another kind.
func code<Result>(of body: () async throws -> Result) async -> DatabaseError.Code? {
    do {
        _ = try await body()
        return nil
    } catch {
        return (error as? DatabaseError)?.code
    }
}
