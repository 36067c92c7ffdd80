import Core
import DatabaseSQLite
import Embedding
import Foundation
import Logging
import Testing

@testable import Sources

/// A database file in a folder of its own, an embedder that needs no model, and the foreign program that shares the file.
final class Workshop: Sendable {
    static let parts = """
        CREATE TABLE parts_master_features(
            id INTEGER PRIMARY KEY, part_id TEXT, feature_text TEXT, clip_text_emb TEXT,
            created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT '2026-01-01 00:00:00');
        """

    let folder: String
    let database: any Database
    let queue: EmbeddingQueue
    let embedder: HashEmbedder
    var path: String { folder + "/user.db" }

    /// - Parameter schema: run by the foreign program.
    init(_ schema: String = parts, policy: RetryPolicy = RetryPolicy()) async throws {
        var template = Array((NSTemporaryDirectory() + "/millrace-sources-XXXXXX").utf8CString)
        let folder = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
        self.folder = folder
        var options = SQLiteDatabase.Options()
        options.isDurable = false
        database = try await SQLiteDatabase.open(path: folder + "/user.db", options: options, logger: .quiet)
        try await database.migrate()
        queue = EmbeddingQueue(database: database, jobs: JobStore(policy: policy))
        embedder = HashEmbedder()
        try shell(schema)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: The user's side

    /// Runs `sql` in the bare sqlite3 program. - Returns: what it printed, rows by line, columns by `|`.
    @discardableResult
    func shell(_ sql: String) throws -> String {
        // Through files: a pipe's calls end early when another test's process ends.
        let (input, output) = (folder + "/\(UUID()).sql", folder + "/\(UUID()).txt")
        try sql.write(toFile: input, atomically: false, encoding: .utf8)
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        let (reading, writing) = (FileHandle(forReadingAtPath: input), FileHandle(forWritingAtPath: output))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sqlite3", "-bail", "-cmd", ".timeout 5000", path]
        process.standardInput = reading
        process.standardOutput = writing
        process.standardError = writing
        try process.run()
        process.waitUntilExit()
        return try String(contentsOfFile: output, encoding: .utf8).trimmingCharacters(in: .newlines)
    }

    // MARK: Millrace's side

    func request(
        _ table: String, key: [String] = ["id"], text: [String], into: String, dimension: Int = HashEmbedder.dimension
    ) -> AttachRequest {
        AttachRequest(table: table, key: key, text: text, into: into, model: "hash", dimension: dimension)
    }

    var partsRequest: AttachRequest {
        request("parts_master_features", text: ["feature_text"], into: "clip_text_emb")
    }

    var attachment: Sources.Attachment { Sources.Attachment(database: database) }

    @discardableResult
    func attach(_ request: AttachRequest, _ mode: Backfill.Mode = .missing) async throws -> Source {
        let source = try await attachment.add(request).source
        try await takeIn(source, mode)
        return try await reread(source)
    }

    @discardableResult
    func attachParts() async throws -> Source {
        try await attach(partsRequest)
    }

    func takeIn(_ source: Source, _ mode: Backfill.Mode, pageSize: Int = 500) async throws {
        let backfill = Backfill(database: database, source: source, space: embedder.space, pageSize: pageSize)
        try await backfill.start(mode)
        while try await !backfill.step().isFinished {}
    }

    func reread(_ source: Source) async throws -> Source {
        try #require(try await database.read { try SourceStore().find(source.id, on: $0) })
    }

    func sweep(_ source: Source) async throws -> Sweep.Findings {
        try await Sweep(database: database, source: source, space: embedder.space).whole()
    }

    func worker(
        logger: Logger = .quiet, _ change: (inout EmbeddingWorker.Settings) -> Void = { _ in }
    ) async throws -> EmbeddingWorker {
        var settings = EmbeddingWorker.Settings()
        change(&settings)
        let worker = EmbeddingWorker(
            database: database, queue: queue, provider: embedder,
            introduction: .init(name: "test", host: "here", pid: 1), settings: settings, logger: logger, onStuck: {})
        try await worker.register()
        return worker
    }

    /// Embeds what is available, in one worker, until nothing is.
    func work(batch: Int = 256) async throws {
        let worker = try await worker()
        let id = try #require(await worker.id)
        while case let jobs = try await queue.claim(limit: batch, turn: 1, worker: id), !jobs.isEmpty {
            try await worker.process(jobs)
        }
    }

    func claim(limit: Int = 100) async throws -> (worker: WorkerID, jobs: [Job]) {
        let worker = try #require(await worker().id)
        return (worker, try await queue.claim(limit: limit, turn: 1, worker: worker))
    }

    func settle(_ results: [EmbeddingResult], of source: Source, by worker: WorkerID) async throws -> SettledCounts {
        try await queue.settle(
            results, of: source, space: embedder.space, worker: worker, inModel: [], jitters: results.map { _ in 0.5 })
    }

    /// Every row that has text holds the embedding of its present text, in both places, and no other row has any.
    func expectInStep(_ source: Source, _ place: SourceLocation = #_sourceLocation) async throws {
        let (definition, embedder) = (source.definition, embedder)
        let template = try source.template
        try await database.read { connection in
            let statements = RowStatements(source)
            let page = statements.page(isFirst: true, wholeVectors: true)
            let rows = try connection.rows(page, ["limit": 100_000])
            var keys: Set<String> = []
            for row in rows {
                let text = try template.render(Array(row.values[3...]))
                let written = VectorFormat.vector(in: row[2], dimension: HashEmbedder.dimension)
                let wanted = text.map(embedder.vector)
                #expect(written == wanted, "row \(row.text(0))", sourceLocation: place)
                #expect(
                    row[1].text == (text == nil ? "skipped" : "completed"), "row \(row.text(0))", sourceLocation: place)
                if text != nil { keys.insert(row.text(0)) }
            }
            let kept = try connection.rows(
                .both("SELECT key, vector FROM \(Table.embedding) WHERE source_id = :id"), ["id": Value(source.id)])
            #expect(Set(kept.map { $0.text(0) }) == keys, "\(definition.table)", sourceLocation: place)
            let open = try connection.rows(.both("SELECT key FROM \(Table.job)"))
            #expect(open.isEmpty, sourceLocation: place)
        }
    }
}

extension Logger {
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// The sentence of the ``SourceError`` that `body` throws, nil where it throws none.
func refusal<Result>(_ body: () async throws -> Result) async throws -> (code: SourceError.Code, message: String)? {
    do {
        _ = try await body()
        return nil
    } catch let error as SourceError {
        return (error.code, error.message)
    }
}
