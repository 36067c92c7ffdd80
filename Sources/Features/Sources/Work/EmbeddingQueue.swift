package import Core
package import Embedding

/// Claims rows, reads them, and settles them: the queue as the embedding worker sees it.
package struct EmbeddingQueue: Sendable {
    let database: any Database
    private let jobs: JobStore
    private let workers = WorkerStore()

    /// Rows of the user's that one body writes: between bodies the writer can end its group and leave the file free, so
    /// that a user's program never waits for a whole batch.
    private static let rowsPerBody = 32

    package init(database: any Database, jobs: JobStore = JobStore()) {
        self.database = database
        self.jobs = jobs
    }

    // MARK: Claim

    /// Claims a batch, then marks its rows `processing`. The inputs are read afterwards, by ``read(_:of:space:)``, and
    /// compared when they are settled, so an edit at any moment in between is seen.
    ///
    /// - Parameter turn: counts the claims of this process, from 1; see ``Suspicion/order(turn:)``.
    package func claim(limit: Int, turn: Int, worker: WorkerID) async throws -> [Job] {
        let jobs = jobs
        let claimed = try await database.write { connection -> [Job] in
            for suspicion in Suspicion.order(turn: turn) {
                let claimed = try jobs.claim(suspicion, limit: limit, worker: worker, on: connection)
                if !claimed.isEmpty { return claimed }
            }
            return []
        }
        do {
            try await markProcessing(claimed)
        } catch let error as DatabaseError where error.isRetryable {
            // Best effort: the rows stay as they are, and so does the claim.
        }
        return claimed
    }

    private func markProcessing(_ claimed: [Job]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for start in stride(from: 0, to: claimed.count, by: Self.rowsPerBody) {
                let rows = claimed[start..<min(start + Self.rowsPerBody, claimed.count)]
                group.addTask {
                    try await database.write { connection in
                        try Self.show("processing", Array(rows), on: connection)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    package func hasWork() async throws -> Bool {
        let jobs = jobs
        return try await database.read { connection in try jobs.hasAvailable(on: connection) }
    }

    /// Writes a status into the rows of `jobs`, best effort: rows that are gone, tables that cannot be read and rows
    /// whose own constraints refuse the word are passed by.
    fileprivate static func show(_ status: String, _ jobs: [Job], on connection: any Connection) throws {
        for (source, jobs) in Dictionary(grouping: jobs, by: \.source) {
            guard let source = try SourceStore().find(source, on: connection) else { continue }
            let statements = RowStatements(source)
            let batch = jobs.compactMap { job in
                statements.parameters(for: job.key).map { $0.adding("status", .text(status)) }
            }
            do {
                try connection.runMany(statements.setStatus, batch)
            } catch {
                guard error.code == .noSuchObject || error.code == .constraint else { throw error }
            }
        }
    }

    // MARK: Read

    /// Reads the rows of claimed jobs of one source, in a transaction after the claim's.
    ///
    /// - Parameter space: the space in which the source's model embeds.
    package func read(_ claimed: [Job], of source: Source, space: Space) async throws -> [EmbeddingInput] {
        let statements = RowStatements(source)
        let template = try source.template
        return try await database.read { connection in
            try claimed.map { job in
                guard let parameters = statements.parameters(for: job.key),
                    let row = try connection.row(statements.readInput, parameters)
                else { return EmbeddingInput(job: job, values: [], content: .gone) }
                return EmbeddingInput(
                    job: job, values: row.values, content: Self.content(row.values, template, space: space.id))
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
            for hash in hashes {
                let row = try connection.row(
                    .both(
                        """
                        SELECT vector FROM \(Table.embedding)
                        WHERE input_hash = :hash AND space = :space AND embedded_at > :taken_in LIMIT 1
                        """),
                    ["hash": .blob(hash), "space": .text(space.id), "taken_in": Value(Timestamp.takenIn)])
                if let bytes = row?[0].blob { known[hash] = [Float](littleEndianBytes: bytes) }
            }
            return known
        }
    }

    // MARK: Hand back

    /// Gives jobs back unharmed: at a stop, or to be claimed again in smaller batches.
    package func handBack(_ claimed: [Job]) async throws {
        guard !claimed.isEmpty else { return }
        let jobs = jobs
        try await database.write { connection in
            let standings = try jobs.standing(of: claimed, on: connection)
            let mine = zip(claimed, standings).filter { $0.1 != .lost }.map(\.0)
            try jobs.requeue(mine, on: connection)
            try unseenByTriggers(on: connection) { try Self.show("pending", mine, on: connection) }
        }
    }

    /// Writes down which claims are inside the model.
    package func enterModel(_ fences: Set<Int64>, of worker: WorkerID) async throws {
        let workers = workers
        try await database.write { connection in try workers.enterModel(fences, of: worker, on: connection) }
    }

    // MARK: Settle

    /// Settles a batch, each row in one transaction; see ``EmbeddingSettlement``. Where the user's own constraints or
    /// triggers refuse a row, those that share its transaction are settled one by one, and the refused one fails alone.
    ///
    /// - Parameters:
    ///   - inModel: the claims that stay inside the model after this batch.
    ///   - jitters: as many random numbers in 0..<1 as there are results.
    package func settle(
        _ results: [EmbeddingResult], of source: Source, space: Space, worker: WorkerID, inModel: Set<Int64>,
        jitters: [Double]
    ) async throws -> SettledCounts {
        let settlement = EmbeddingSettlement(source: source, space: space, jobs: jobs)
        return try await withThrowingTaskGroup(of: SettledCounts.self) { group in
            // All wait in line together, so that the writer puts as many into a commit as its time allows.
            for start in stride(from: 0, to: results.count, by: Self.rowsPerBody) {
                let rows = start..<min(start + Self.rowsPerBody, results.count)
                group.addTask {
                    try await settle(
                        Array(results[rows]), settlement, worker: worker, jitters: Array(jitters[rows]))
                }
            }
            var counts = SettledCounts()
            for try await settled in group { counts += settled }
            // A fence that stays written down when its jobs are settled accuses nobody; an idle worker shows none.
            if inModel.isEmpty { try await enterModel([], of: worker) }
            return counts
        }
    }

    private func settle(
        _ results: [EmbeddingResult], _ settlement: EmbeddingSettlement, worker: WorkerID, jitters: [Double]
    ) async throws -> SettledCounts {
        do {
            return try await commit(worker: worker) { connection in
                try settlement.apply(results, now: .now(), jitters: jitters, on: connection)
            }
        } catch let error as DatabaseError where error.code == .constraint {
            var counts = SettledCounts()
            for (result, jitter) in zip(results, jitters) {
                counts += try await settleAlone(result, settlement, jitter, worker: worker)
            }
            return counts
        }
    }

    private func settleAlone(
        _ result: EmbeddingResult, _ settlement: EmbeddingSettlement, _ jitter: Double, worker: WorkerID
    ) async throws -> SettledCounts {
        let refusal: JobFailure
        do {
            return try await commit(worker: worker) { connection in
                try settlement.apply([result], now: .now(), jitters: [jitter], on: connection)
            }
        } catch let error as DatabaseError where error.code == .constraint {
            refusal = JobFailure(reason: "row_refused", error: error.message, isRetryable: false)
        }
        do {
            let failed = EmbeddingResult(job: result.job, values: result.values, outcome: .failed(refusal, hash: nil))
            return try await commit(worker: worker) { connection in
                try settlement.apply([failed], now: .now(), jitters: [jitter], on: connection)
            }
        } catch let error as DatabaseError where error.code == .constraint {
            return try await commit(worker: worker) { connection in
                try settlement.bury(result.job, refusal, now: .now(), on: connection)
            }
        }
    }

    private func commit(
        worker: WorkerID, _ body: @escaping @Sendable (any Connection) throws -> SettledCounts
    ) async throws -> SettledCounts {
        let workers = workers
        return try await database.write { connection in
            let counts = try body(connection)
            try workers.count(
                succeeded: counts.succeeded, failed: counts.failed, skipped: counts.skipped,
                truncated: counts.truncated, of: worker, on: connection)
            return counts
        }
    }
}

extension EmbeddingQueue {
    /// Stops claiming for a source whose table cannot be read, until upkeep can read it again, and gives back what was
    /// claimed.
    package func suspend(_ source: Source, fault: String, handingBack claimed: [Job]) async throws {
        let (database, jobs) = (database, jobs)
        try await database.write { connection in
            try SourceStore().suspend(source.id, fault: fault, on: connection)
            try jobs.requeue(claimed, on: connection)
        }
    }

    /// Puts the rows of rescued jobs right: freed ones wait again, held ones show as failed. Part of the rescue's
    /// transaction; a row that is gone or a table that cannot be read holds nothing up.
    package static func showRescued(_ rescue: JobStore.Rescue, on connection: any Connection) throws {
        try unseenByTriggers(on: connection) {
            try show("pending", rescue.freed, on: connection)
            try show("failed", rescue.held, on: connection)
        }
    }
}
