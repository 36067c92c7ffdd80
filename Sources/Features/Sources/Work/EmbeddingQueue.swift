package import Core
package import Embedding
import Synchronization

/// What one claim took: batches that go through the model one after another, each under a fence of its own.
package struct Claim: Sendable {
    /// The incarnation whose jobs they are.
    package let worker: WorkerID
    package fileprivate(set) var batches: [[Job]] = []

    package var jobs: [Job] { batches.flatMap(\.self) }
    package var isEmpty: Bool { batches.isEmpty }
    /// Whether its jobs were inside a model when their worker died.
    var isSuspected: Bool { batches.contains { batch in batch.contains { $0.crashes > 0 } } }
}

/// The largest fence that this process has had.
private final class NewestFence: Sendable {
    private let fence = Mutex<Int64>(0)

    var value: Int64 { fence.withLock(\.self) }

    func note(_ fences: some Sequence<Int64>) {
        fence.withLock { $0 = fences.reduce($0, max) }
    }
}

/// Claims rows, reads them, and settles them: the queue as the embedding worker sees it.
package struct EmbeddingQueue: Sendable {
    let database: any Database
    let jobs: JobStore
    let workers = WorkerStore()
    private let newestFence = NewestFence()

    /// Rows of the user's that one body writes. On SQLite between bodies the writer can end its group and leave the file
    /// free, so that a user's program never waits for a whole batch; on PostgreSQL they are one statement, for whose rows a
    /// user may wait until it has committed.
    var rowsPerBody: Int { database.dialect == .sqlite ? 32 : 16 }

    package init(database: any Database, jobs: JobStore = JobStore()) {
        self.database = database
        self.jobs = jobs
    }

    // MARK: Claim

    /// Claims up to `limit` jobs, then marks their rows `processing`. The inputs are read afterwards, by
    /// ``read(_:of:space:)``, and compared when they are settled, so an edit at any moment in between is seen.
    ///
    /// - Parameter turn: counts the claims of this process, from 1; see ``Suspicion/order(turn:)`` and ``JobStore``.
    package func claim(limit: Int, turn: Int, worker: WorkerID) async throws -> Claim {
        let claim = try await take(limit: limit, turn: turn, worker: worker)
        do {
            try await markProcessing(claim.jobs)
        } catch let error as DatabaseError where error.isRetryable {
            // Best effort: the rows stay as they are, and so does the claim.
        }
        return claim
    }

    /// Where it is not known whether the claim was kept it is taken for one: a living worker's jobs are freed by nobody
    /// else, and of one that was not kept the fences are nobody's, so that it settles nothing.
    private func take(limit: Int, turn: Int, worker: WorkerID) async throws -> Claim {
        let taken = Mutex<Claim?>(nil)
        do {
            // Not where it is unknown whether it was kept: a second one would take other jobs.
            return try await database.writeBriefly(againAfter: [.io]) { connection in
                let claim = try take(limit: limit, turn: turn, worker: worker, on: connection)
                taken.withLock { $0 = claim }
                return claim
            }
        } catch let error as DatabaseError where error.code == .commitUnknown {
            guard let claim = taken.withLock({ $0 }) else { throw error }
            return claim
        }
    }

    private func take(
        limit: Int, turn: Int, worker: WorkerID, on connection: any Connection
    ) throws(DatabaseError) -> Claim {
        for suspicion in Suspicion.order(turn: turn) {
            let claim = try self.claim(suspicion, limit: limit, turn: turn, worker: worker, on: connection)
            if !claim.isEmpty { return claim }
        }
        return Claim(worker: worker)
    }

    /// Of suspects several batches are taken ahead, since each is small and who claims them must first end what it has in
    /// the model: what a dead worker held is taken over at once, not batch by batch.
    private func claim(
        _ suspicion: Suspicion, limit: Int, turn: Int, worker: WorkerID, on connection: any Connection
    ) throws(DatabaseError) -> Claim {
        let ahead = min(limit / suspicion.limit(batchSize: limit), Self.mostAhead)
        let claimed = try jobs.claim(
            suspicion, limit: limit, batches: ahead, turn: turn, worker: worker, after: newestFence.value,
            on: connection)
        let batches = Dictionary(grouping: claimed, by: \.fence)
        newestFence.note(batches.keys)
        return Claim(worker: worker, batches: batches.keys.sorted().compactMap { batches[$0] })
    }

    /// So many strong suspects, each alone, are little work, and more are left to other workers.
    private static let mostAhead = 32

    /// Best effort, as ``show(_:_:patience:on:)`` is.
    private func markProcessing(_ claimed: [Job]) async throws {
        for (source, jobs) in Dictionary(grouping: claimed, by: \.source) {
            _ = try await inBodies(jobs.count) { rows in
                do {
                    try await database.write { connection in
                        try connection.limitWaiting()
                        try connection.commitUnflushed()
                        guard let source = try SourceStore().find(source, on: connection) else { return }
                        try SourceRows(source).showLast("processing", jobs[rows].map(\.key), on: connection)
                    }
                } catch let error as DatabaseError where Self.passedBy.contains(error.code) {
                    return
                }
            }
        }
    }

    /// Tables that cannot be read, rows that refuse the word, and whoever has the whole table.
    private static let passedBy: Set<DatabaseError.Code> = [.noSuchObject, .constraint, .denied, .busy]

    /// Runs `body` for each ``rowsPerBody`` of `count` rows of the user's. On SQLite all wait in line together, so that the
    /// writer puts as many into a commit as its time allows. On PostgreSQL each is a transaction, and they follow one
    /// another with rests in between.
    ///
    /// - Returns: what `body` returned, in any order.
    func inBodies<Answer: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Range<Int>) async throws -> Answer
    ) async throws -> [Answer] {
        let bodies = stride(from: 0, to: count, by: rowsPerBody).map { $0..<min($0 + rowsPerBody, count) }
        guard database.dialect == .postgres else {
            return try await withThrowingTaskGroup(of: Answer.self) { group in
                for rows in bodies { group.addTask { try await body(rows) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        var answers: [Answer] = []
        for rows in bodies {
            let began = ContinuousClock.now
            answers.append(try await body(rows))
            if rows.upperBound < count { await UsersLocks.rest(since: began) }
        }
        return answers
    }

    package func hasWork() async throws -> Bool {
        let jobs = jobs
        return try await database.read { connection in try jobs.hasAvailable(on: connection) }
    }

    /// Writes a status into the rows of `jobs`, best effort: rows that are gone or that a user's transaction has, tables
    /// that cannot be read and rows whose own constraints refuse the word are passed by.
    static func show(
        _ status: String, _ jobs: [Job], patience: Duration = UsersLocks.tablePatience, on connection: any Connection
    ) throws {
        guard !jobs.isEmpty else { return }
        try connection.limitPatience(patience)
        for (source, jobs) in Dictionary(grouping: jobs, by: \.source) {
            guard let source = try SourceStore().find(source, on: connection) else { continue }
            // Only what is outside the attempt goes with the commit, while users may wait for the rows.
            try unseenByTriggers(on: connection) {
                do {
                    try connection.attempt {
                        try SourceRows(source).write(status, jobs.map(\.key), on: connection)
                    }
                } catch let error as DatabaseError where passedBy.contains(error.code) {
                    // Passed by.
                }
            }
        }
    }

    // MARK: Read

    /// Reads the rows of claimed jobs of one source, in a transaction after the claim's.
    ///
    /// - Parameter space: the space in which the source's model embeds.
    package func read(_ claimed: [Job], of source: Source, space: Space) async throws -> [EmbeddingInput] {
        let template = try source.template
        return try await database.read { connection in
            try connection.limitWaiting()
            let rows = try SourceRows(source).read(claimed.map(\.key), on: connection)
            return zip(claimed, rows).map { job, values in
                guard let values else { return EmbeddingInput(job: job, values: [], content: .gone) }
                return EmbeddingInput(
                    job: job, values: values, content: Self.content(values, template, space: space.id))
            }
        }
    }

    private static func content(_ values: [Value], _ template: Template, space: String) -> EmbeddingInput.Content {
        do throws(SourceError) {
            guard let text = try template.render(values) else { return .nothing }
            return .text(text, hash: inputHash(text, space: space))
        } catch {
            return .unusable(JobFailure(reason: "not_text", error: error.message, isRetryable: false))
        }
    }

    /// Vectors that are known already for any of `hashes`: equal inputs are embedded once.
    package func known(_ hashes: Set<[UInt8]>, space: Space) async throws -> [[UInt8]: [Float]] {
        try await database.read { connection in
            var known: [[UInt8]: [Float]] = [:]
            for (hash, bytes) in try Self.vectors(of: hashes, space, on: connection) {
                known[hash] = [Float](littleEndianBytes: bytes)
            }
            return known
        }
    }

    /// One statement on PostgreSQL, one for each hash on SQLite.
    private static func vectors(
        of hashes: Set<[UInt8]>, _ space: Space, on connection: any Connection
    ) throws(DatabaseError) -> [(hash: [UInt8], vector: [UInt8])] {
        let common: Parameters = ["space": .text(space.id), "taken_in": Value(Timestamp.takenIn)]
        let choices: [Parameters] =
            switch connection.dialect {
            case .sqlite: hashes.map { common.adding("hash", .blob($0)) }
            case .postgres: [common.adding("hashes", TextArray(hashes.map { "\\x" + $0.hexadecimal }).value)]
            }
        var vectors: [(hash: [UInt8], vector: [UInt8])] = []
        for choice in choices {
            for row in try connection.rows(knownSQL, choice) {
                if let hash = row[0].blob, let vector = row[1].blob { vectors.append((hash, vector)) }
            }
        }
        return vectors
    }

    private static let knownSQL = SQL(
        sqlite: """
            SELECT input_hash, vector FROM \(Table.embedding)
            WHERE input_hash = :hash AND space = :space AND embedded_at > :taken_in LIMIT 1
            """,
        postgres: """
            SELECT DISTINCT ON (input_hash) input_hash, vector FROM \(Table.embedding)
            WHERE input_hash = ANY (:hashes::bytea[]) AND space = :space AND embedded_at > :taken_in
            ORDER BY input_hash, id
            """)
}
