package import Core
import Embedding

/// What a worker found for one claimed row.
package struct EmbeddingResult: Sendable {
    package enum Outcome: Sendable {
        /// The row's vector, unit length; whether the text was longer than the model reads.
        case vector([Float], hash: [UInt8], isTruncated: Bool)
        case nothing
        case gone
        case failed(JobFailure, hash: [UInt8]?)
    }

    package let job: Job
    package let values: [Value]
    package let outcome: Outcome

    package init(job: Job, values: [Value], outcome: Outcome) {
        self.job = job
        self.values = values
        self.outcome = outcome
    }
}

/// What became of a settled batch, for the worker's line and totals.
package struct SettledCounts: Hashable, Sendable {
    package var succeeded = 0
    package var failed = 0
    package var skipped = 0
    package var truncated = 0
    /// Queued again: the row changed meanwhile, or the failure may pass.
    package var requeued = 0
    /// The claim was no longer ours, or the row was gone.
    package var dropped = 0

    package init() {}

    static func += (left: inout SettledCounts, right: SettledCounts) {
        left.succeeded += right.succeeded
        left.failed += right.failed
        left.skipped += right.skipped
        left.truncated += right.truncated
        left.requeued += right.requeued
        left.dropped += right.dropped
    }
}

/// The one transaction in which the vector, the status, the job's end and the feed entry commit together.
///
/// An old fence changes nothing. A vector is written only where the row's text is still the text that was read.
struct EmbeddingSettlement: Sendable {
    let source: Source
    let space: Space
    let jobs: JobStore
    private let statements: RowStatements
    private let feed = FeedStore()

    init(source: Source, space: Space, jobs: JobStore) {
        self.source = source
        self.space = space
        self.jobs = jobs
        statements = RowStatements(source)
    }

    func apply(
        _ results: [EmbeddingResult], now: Timestamp, jitters: [Double], on connection: any Connection
    ) throws -> SettledCounts {
        precondition(jitters.count >= results.count, "one random number for each result")
        var counts = SettledCounts()
        var finished: [Job] = []
        var requeued: [Job] = []
        var changedItems: [Int64] = []
        let standings = try jobs.standing(of: results.map(\.job), on: connection)
        for (index, result) in results.enumerated() {
            switch (standings[index], result.outcome) {
            case (.lost, _):
                counts.dropped += 1
            case (.current, .gone):
                changedItems += try forget(result.job.key, on: connection)
                finished.append(result.job)
                counts.dropped += 1
            case (.superseded, _):
                requeued.append(result.job)
            case (.current, .vector(let vector, let hash, let isTruncated)):
                guard try write(vector, result, on: connection) else {
                    try sortOut(result, &finished, &requeued, &changedItems, &counts, on: connection)
                    continue
                }
                changedItems.append(try record(vector, hash, result.job.key, now, on: connection))
                finished.append(result.job)
                counts.succeeded += 1
                if isTruncated { counts.truncated += 1 }
            case (.current, .nothing):
                guard try clear(result, status: "skipped", on: connection) else {
                    try sortOut(result, &finished, &requeued, &changedItems, &counts, on: connection)
                    continue
                }
                changedItems += try forget(result.job.key, on: connection)
                finished.append(result.job)
                counts.skipped += 1
            case (.current, .failed(let failure, let hash)):
                let settlement = try jobs.fail(
                    result.job, failure, inputHash: hash, now: now, jitter: jitters[index], on: connection)
                if settlement == .dead {
                    // The row's old vector stands for a text that is no longer there.
                    if try clear(result, status: "failed", on: connection) {
                        changedItems += try forget(result.job.key, on: connection)
                        counts.failed += 1
                    } else {
                        // What failed is no longer there either: the row is wanted anew, or gone.
                        try jobs.forgetDead([result.job.key], of: source.id, on: connection)
                        try RowWish(source).want([result.job.key], on: connection)
                        counts.requeued += 1
                    }
                } else {
                    try unseenByTriggers(on: connection) { try show("pending", [result.job], on: connection) }
                    counts.requeued += 1
                }
            }
        }
        try jobs.finish(finished, on: connection)
        if !requeued.isEmpty {
            try jobs.requeue(requeued, on: connection)
            try unseenByTriggers(on: connection) { try show("pending", requeued, on: connection) }
            counts.requeued += requeued.count
        }
        try feed.append(changedItems, of: source.id, now: now, on: connection)
        return counts
    }

    /// Gives up a job whose row the user's own constraints or triggers let nobody write: only Millrace's tables say so.
    func bury(_ job: Job, _ failure: JobFailure, now: Timestamp, on connection: any Connection) throws -> SettledCounts
    {
        var counts = SettledCounts()
        let settlement = try jobs.fail(job, failure, inputHash: nil, now: now, jitter: 0, on: connection)
        if settlement == .dead { counts.failed = 1 } else { counts.dropped = 1 }
        return counts
    }

    /// The row does not hold the text that was read: it changed without a trigger seeing it, or it is gone.
    private func sortOut(
        _ result: EmbeddingResult, _ finished: inout [Job], _ requeued: inout [Job], _ changedItems: inout [Int64],
        _ counts: inout SettledCounts, on connection: any Connection
    ) throws {
        let parameters = statements.parameters(for: result.job.key) ?? [:]
        if try connection.row(statements.rowExists, parameters) != nil {
            requeued.append(result.job)
        } else {
            changedItems += try forget(result.job.key, on: connection)
            finished.append(result.job)
            counts.dropped += 1
        }
    }

    private func write(
        _ vector: [Float], _ result: EmbeddingResult, on connection: any Connection
    ) throws(DatabaseError) -> Bool {
        guard var parameters = statements.parameters(for: result.job.key, texts: result.values) else { return false }
        parameters["vector"] = source.definition.format.value(vector)
        return try connection.run(statements.writeVector, parameters) > 0
    }

    private func clear(
        _ result: EmbeddingResult, status: String, on connection: any Connection
    ) throws(DatabaseError) -> Bool {
        guard var parameters = statements.parameters(for: result.job.key, texts: result.values) else { return false }
        parameters["status"] = .text(status)
        return try connection.run(statements.clearVector, parameters) > 0
    }

    private func show(_ status: String, _ jobs: [Job], on connection: any Connection) throws(DatabaseError) {
        try connection.runMany(
            statements.setStatus,
            jobs.compactMap { job in
                statements.parameters(for: job.key).map { $0.adding("status", .text(status)) }
            })
    }

    /// Keeps the vector in Millrace's own table. - Returns: the item's number.
    private func record(
        _ vector: [Float], _ hash: [UInt8], _ key: Key, _ now: Timestamp, on connection: any Connection
    ) throws(DatabaseError) -> Int64 {
        try EmbeddingStore().put(
            vector, hash: hash, space: space.id, key: key, source: source.id, now: now, on: connection)
    }

    private func forget(_ key: Key, on connection: any Connection) throws(DatabaseError) -> [Int64] {
        try EmbeddingStore().remove(key, source: source.id, on: connection)
    }
}
