package import Core
package import Embedding

/// What a settlement came to.
package struct SettledBatch: Sendable {
    package var counts = SettledCounts()
    /// Results whose row, or job, a user's transaction has: nothing is written of them, and their claim still stands.
    /// Always empty on SQLite, where nobody else writes at the same time.
    package var locked: [EmbeddingResult] = []

    static func += (left: inout SettledBatch, right: SettledBatch) {
        left.counts += right.counts
        left.locked += right.locked
    }
}

extension EmbeddingQueue {
    // MARK: Hand back

    /// Gives jobs back unharmed: at a stop, or to be claimed again in smaller batches.
    ///
    /// - Returns: those that a user's transaction is writing just now; they are still this worker's.
    @discardableResult
    package func handBack(_ claimed: [Job]) async throws -> [Job] {
        try await giveBack(claimed) { mine, connection in
            try Self.show("pending", mine, patience: UsersLocks.tablePatienceWithJobs, on: connection)
        }
    }

    /// - Parameter show: shows in their rows that these jobs wait again.
    private func giveBack(
        _ claimed: [Job], show: @escaping @Sendable ([Job], any Connection) throws -> Void = { _, _ in }
    ) async throws -> [Job] {
        let jobs = jobs
        return try await release(claimed) { current, superseded, connection in
            try jobs.requeue(current + superseded, on: connection)
            try show(current + superseded, connection)
        }
    }

    /// Puts jobs off to `moment`, because their rows cannot be written now and their results cannot be kept for so long.
    /// Nothing is counted against them.
    ///
    /// - Returns: those that a user's transaction is writing just now; they are still this worker's.
    func postpone(_ claimed: [Job], until moment: Timestamp) async throws -> [Job] {
        let jobs = jobs
        return try await release(claimed) { current, superseded, connection in
            // Who has been wished for again meanwhile is not put off.
            try jobs.requeue(superseded, on: connection)
            try jobs.postpone(current, until: moment, on: connection)
        }
    }

    /// - Parameter body: ends the claims that it is given.
    /// - Returns: those that a user's transaction is writing just now; they are still this worker's.
    private func release(
        _ claimed: [Job],
        _ body: @escaping @Sendable (_ current: [Job], _ superseded: [Job], any Connection) throws -> Void
    ) async throws -> [Job] {
        let (database, jobs) = (database, jobs)
        let locked = try await inBodies(claimed.count) { rows in
            try await database.writeBriefly { connection in
                let standings = Array(zip(claimed[rows], try jobs.standing(of: Array(claimed[rows]), on: connection)))
                func those(_ standing: JobStore.Standing) -> [Job] { standings.filter { $0.1 == standing }.map(\.0) }
                try body(those(.current), those(.superseded), connection)
                return those(.locked)
            }
        }.flatMap(\.self)
        if database.dialect == .postgres, let worker = claimed.first?.worker {
            try await makeSure(of: Set(claimed).subtracting(locked), by: worker)
        }
        return locked
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
    ) async throws -> SettledBatch {
        let settlement = EmbeddingSettlement(source: source, space: space, jobs: jobs)
        let batches = try await inBodies(results.count) { rows in
            try await settle(Array(results[rows]), settlement, jitters: Array(jitters[rows]))
        }
        let batch = batches.reduce(into: SettledBatch()) { $0 += $1 }
        let ended = Set(results.map(\.job)).subtracting(batch.locked.map(\.job))
        try await makeSure(of: ended, counts: batch.counts, by: worker, emptiesModel: inModel.isEmpty)
        return batch
    }

    /// Makes sure on PostgreSQL that claims have ended for good: the transactions that ended them let users' rows go without
    /// waiting for the disk. It gets everything in the order of the commits, so when this one is there, so are they, unless
    /// the server crashed in between.
    ///
    /// - Parameters:
    ///   - ended: the jobs whose claims have ended, whoever ended them.
    ///   - counts: what is added to the totals of `worker`, which are for people. Not in the settlements' own transactions:
    ///     they would wait for whoever has the worker's row, and users for them.
    /// - Throws: ``DatabaseError/Code/io`` where the server has lost some of it: claims stand again.
    private func makeSure(
        of ended: Set<Job>, counts: SettledCounts = SettledCounts(), by worker: WorkerID, emptiesModel: Bool = false
    ) async throws {
        let (workers, jobs) = (workers, jobs)
        do {
            try await database.write { connection in
                if connection.dialect == .postgres, try jobs.anyStands(of: Array(ended), on: connection) {
                    throw DatabaseError(
                        .io, "the database server lost what it had not written to its disk yet: it is done again")
                }
                try connection.commitFlushed()
                try workers.count(
                    succeeded: counts.succeeded, failed: counts.failed, skipped: counts.skipped,
                    truncated: counts.truncated, of: worker, on: connection)
                // A fence that stays written down when its jobs are settled accuses nobody; an idle worker shows none.
                if emptiesModel { try workers.enterModel([], of: worker, on: connection) }
            }
        } catch let error as DatabaseError where error.isRetryable && database.dialect == .sqlite {
            return
        }
    }

    private func settle(
        _ results: [EmbeddingResult], _ settlement: EmbeddingSettlement, jitters: [Double]
    ) async throws -> SettledBatch {
        guard database.dialect == .postgres else {
            return try await settleStepwise(results, settlement, jitters: jitters)
        }
        var (batch, left) = (SettledBatch(), results)
        do {
            (batch, left) = try await settleAtOnce(results, settlement)
        } catch let error as DatabaseError where error.isOfOneRow {
            // Which of them it is, the steps find out.
        }
        if !left.isEmpty { batch += try await settleStepwise(left, settlement, jitters: jitters) }
        return batch
    }

    private func settleStepwise(
        _ results: [EmbeddingResult], _ settlement: EmbeddingSettlement, jitters: [Double]
    ) async throws -> SettledBatch {
        do {
            let columns = settlement.columns(results, for: database.dialect)
            return try await commit(results) { connection in
                try settlement.apply(results, columns: columns, now: .now(), jitters: jitters, on: connection)
            }
        } catch let error as DatabaseError where error.isOfOneRow {
            var batch = SettledBatch()
            for (result, jitter) in zip(results, jitters) {
                batch += try await settleAlone(result, settlement, jitter)
            }
            return batch
        }
    }

    private func settleAlone(
        _ result: EmbeddingResult, _ settlement: EmbeddingSettlement, _ jitter: Double
    ) async throws -> SettledBatch {
        let refusal: JobFailure
        do {
            let columns = settlement.columns([result], for: database.dialect)
            return try await commit([result]) { connection in
                try settlement.apply([result], columns: columns, now: .now(), jitters: [jitter], on: connection)
            }
        } catch let error as DatabaseError where error.isOfOneRow {
            refusal = JobFailure(reason: EmbeddingSettlement.refused, error: error.message, isRetryable: false)
        }
        let failed = EmbeddingResult(job: result.job, values: result.values, outcome: .failed(refusal, hash: nil))
        do {
            return try await commit([failed]) { connection in
                try settlement.apply([failed], columns: [nil], now: .now(), jitters: [jitter], on: connection)
            }
        } catch let error as DatabaseError where error.isOfOneRow {
            return try await commit([failed]) { connection in
                try settlement.bury(failed, refusal, now: .now(), on: connection)
            }
        }
    }

    /// A table that is locked as a whole is waited for a moment, and then as its rows would be.
    func commit(
        _ results: [EmbeddingResult], _ body: @escaping @Sendable (any Connection) throws -> SettledBatch
    ) async throws -> SettledBatch {
        do {
            return try await database.writeBriefly(body)
        } catch let error as DatabaseError where error.code == .busy && database.dialect == .postgres {
            return SettledBatch(locked: results)
        }
    }
}

extension DatabaseError {
    /// Whether one row's own value, or a trigger or constraint on it, may be the reason.
    var isOfOneRow: Bool { code == .constraint || code == .other }
}

extension EmbeddingQueue {
    /// Stops claiming for a source whose table cannot be read, until upkeep can read it again, and gives back what was
    /// claimed.
    ///
    /// - Returns: the jobs that a user's transaction is writing just now; they are still this worker's.
    package func suspend(_ source: Source, fault: String, handingBack claimed: [Job]) async throws -> [Job] {
        try await database.write { connection in try SourceStore().suspend(source.id, fault: fault, on: connection) }
        return try await giveBack(claimed)
    }

    /// Puts the rows of rescued jobs right: freed ones wait again, held ones show as failed. Part of the rescue's
    /// transaction; a row that is gone or locked, or a table that cannot be read, holds nothing up.
    package static func showRescued(_ rescue: JobStore.Rescue, on connection: any Connection) throws {
        try show("pending", rescue.freed, patience: UsersLocks.tablePatienceWithJobs, on: connection)
        try show("failed", rescue.held, patience: UsersLocks.tablePatienceWithJobs, on: connection)
    }
}
