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

extension EmbeddingResult {
    /// As Millrace's own table takes it; nil where there is no vector.
    fileprivate var entrance: EmbeddingStore.Entrance? {
        guard case .vector(let vector, let hash, _) = outcome else { return nil }
        return .init(key: job.key, vector: vector, hash: hash)
    }

    var isVector: Bool { if case .vector = outcome { true } else { false } }

    var isTruncated: Bool { if case .vector(_, _, let isTruncated) = outcome { isTruncated } else { false } }
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
/// An old fence changes nothing. A vector is written only where the row's text is still the text that was read. Rows are
/// taken before jobs, and nothing that somebody else has is waited for: it comes back as locked.
struct EmbeddingSettlement: Sendable {
    /// The reason of a row whose table's own rules let nobody write it.
    static let refused = "row_refused"

    private let source: Source
    private let space: Space
    private let jobs: JobStore
    private let rows: SourceRows
    private let feed = FeedStore()

    init(source: Source, space: Space, jobs: JobStore) {
        self.source = source
        self.space = space
        self.jobs = jobs
        rows = SourceRows(source)
    }

    /// The vectors as the user's column takes them, nil for results without one. Made before the transaction: once that
    /// has rows, users may wait for them.
    func columns(_ results: [EmbeddingResult], for dialect: Dialect) -> [Value?] {
        results.map { result in
            guard case .vector(let vector, _, _) = result.outcome else { return nil }
            return rows.column(vector, for: dialect)
        }
    }

    /// - Parameters:
    ///   - columns: what ``columns(_:for:)`` made of `results`.
    ///   - jitters: as many random numbers in 0..<1 as there are results.
    func apply(
        _ results: [EmbeddingResult], columns: [Value?], now: Timestamp, jitters: [Double],
        on connection: any Connection
    ) throws -> SettledBatch {
        precondition(
            jitters.count >= results.count && columns.count == results.count,
            "one random number and one column for each result")
        // On SQLite what is written here is no wish anyway, and what a user's trigger does because of it must be seen.
        return try unseenInPostgres(on: connection) { try settle(results, columns, now, jitters, on: connection) }
    }

    /// Settles on PostgreSQL, in one round trip with the commit, what is as it is nearly always: a vector for a row that
    /// nobody has and whose text is still the one that was read.
    ///
    /// All that the statements must know of one another they know on the server: a process that is stopped in the middle
    /// would keep users waiting for their rows. Fails where a trigger of the user's has had a hand in what was written.
    ///
    /// - Parameters:
    ///   - results: vectors alone.
    ///   - columns: what ``columns(_:for:)`` made of `results`.
    ///   - onAnswer: gets the places in `results`, counted from 1, of what was settled, and of jobs that were wished for
    ///     again. Of all but the settled ones nothing has been written.
    func applyAtOnce(
        _ results: [EmbeddingResult], columns: [Value], now: Timestamp, on connection: any Connection,
        onAnswer: @escaping (_ settled: Set<Int>, _ superseded: Set<Int>) -> Void
    ) throws(DatabaseError) {
        let entrances = results.compactMap(\.entrance)
        precondition(
            columns.count == results.count && entrances.count == results.count, "one column and one vector for each")
        let (claims, keys) = (results.map(\.job), results.map(\.job.key))
        let embeddings = EmbeddingStore()
        // What is large goes first: once the first row is taken, nothing is on its way any more.
        let texts = rows.noting(columns, texts: results.map(\.values))
        try connection.runLater(texts.statement, texts.parameters)
        let vectors = embeddings.noting(entrances)
        try connection.run(vectors.statement, vectors.parameters)
        try connection.runTogether([
            Query(hidingFromTriggers),
            rows.taking(keys),
            jobs.takingClaims(of: claims),
            rows.writing(keys),
            jobs.recheckingClaims(of: claims, onAnswer: onAnswer),
            embeddings.publishing(entrances, among: .written, space: space.id, source: source.id, now: now),
            jobs.finishing(claims, among: .written),
        ])
        connection.notify()
    }

    /// Puts jobs back whose rows were wished for again, in one round trip with the commit.
    ///
    /// - Parameter onAnswer: gets the places, counted from 1, of those that were.
    func requeueAtOnce(
        _ claims: [Job], on connection: any Connection, onAnswer: @escaping (Set<Int>) -> Void
    ) throws(DatabaseError) {
        try connection.runTogether([
            Query(hidingFromTriggers),
            jobs.takingClaims(of: claims, onAnswer: onAnswer),
            jobs.requeuing(claims, among: .again),
            rows.showing("pending", claims.map(\.key), among: .again),
        ])
        connection.notify()
    }

    private func settle(
        _ results: [EmbeddingResult], _ columns: [Value?], _ now: Timestamp, _ jitters: [Double],
        on connection: any Connection
    ) throws -> SettledBatch {
        let standings = try rows.take(results.map(\.job.key), texts: results.map(\.values), on: connection)
        let claims = try jobs.standing(of: results.map(\.job), on: connection)
        var ledger = SettlementLedger(results, columns: columns, rows: try standings.get(), claims: claims)
        try write(&ledger, now, jitters, on: connection)
        try record(&ledger, now, on: connection)
        return SettledBatch(counts: ledger.counts, locked: ledger.locked)
    }

    // MARK: The user's rows

    /// What is written may set off a trigger of the user's that writes a text anew: such a claim is superseded then.
    private func write(
        _ ledger: inout SettlementLedger, _ now: Timestamp, _ jitters: [Double], on connection: any Connection
    ) throws {
        let written = try rows.write(
            ledger.vectors.map(\.column), ledger.vectors.map(\.result.job.key),
            texts: ledger.vectors.map(\.result.values), on: connection)
        let cleared = try rows.clear(
            "skipped", ledger.blank.map(\.job.key), texts: ledger.blank.map(\.values), on: connection)
        var claims = try claims(of: ledger.written, on: connection)
        ledger.noteWritten(try written.get())
        ledger.noteCleared(try cleared.get())
        if !ledger.failing.isEmpty {
            try fail(&ledger, now, jitters, on: connection)
            claims = try self.claims(of: ledger.written, on: connection)
        }
        ledger.noteClaims(claims)
    }

    private func claims(
        of results: [EmbeddingResult], on connection: any Connection
    ) throws(DatabaseError) -> [ID<Job>: JobStore.Standing] {
        let ours = results.map(\.job)
        return Dictionary(
            uniqueKeysWithValues: zip(ours.map(\.id), try jobs.standing(of: ours, on: connection)))
    }

    /// Failures are few, and each is decided for itself.
    private func fail(
        _ ledger: inout SettlementLedger, _ now: Timestamp, _ jitters: [Double], on connection: any Connection
    ) throws {
        for (index, failing) in ledger.failing.enumerated() {
            let job = failing.result.job
            let settlement = try jobs.fail(
                job, failing.failure, inputHash: failing.hash, now: now, jitter: jitters[index], on: connection)
            switch settlement {
            case .dead:
                ledger.counts.failed += 1
                guard failing.isWritable else { continue }
                // The row's old vector stands for a text that is no longer there.
                _ = try rows.clear("failed", [job.key], texts: [failing.result.values], on: connection).get()
                ledger.forgotten.append(job.key)
            case .ignored: ledger.counts.dropped += 1
            case .done, .requeued, .retrying:
                ledger.counts.requeued += 1
                try rows.show("pending", [job.key], on: connection)
            }
        }
    }

    // MARK: Millrace's own tables

    private func record(
        _ ledger: inout SettlementLedger, _ now: Timestamp, on connection: any Connection
    ) throws {
        try EmbeddingStore().publish(
            ledger.vectors.compactMap(\.result.entrance), space: space.id, source: source.id, now: now,
            on: connection)
        var items: [Int64] = []
        for key in ledger.forgotten {
            items += try EmbeddingStore().remove(key, source: source.id, on: connection)
        }
        try jobs.finish(ledger.finished, on: connection)
        if !ledger.requeued.isEmpty {
            try jobs.requeue(ledger.requeued, on: connection)
            try rows.show("pending", ledger.requeued.map(\.key), on: connection)
        }
        try feed.append(items, of: source.id, now: now, on: connection)
    }

    /// Gives up a job whose row the user's own constraints or triggers let nobody write: only Millrace's tables say so.
    func bury(
        _ result: EmbeddingResult, _ failure: JobFailure, now: Timestamp, on connection: any Connection
    ) throws -> SettledBatch {
        var batch = SettledBatch()
        switch try jobs.standing(of: [result.job], on: connection).first {
        case .locked:
            batch.locked = [result]
            return batch
        case .lost, nil:
            batch.counts.dropped = 1
            return batch
        case .current, .superseded: break
        }
        let settlement = try jobs.fail(result.job, failure, inputHash: nil, now: now, jitter: 0, on: connection)
        if settlement == .dead { batch.counts.failed = 1 } else { batch.counts.dropped = 1 }
        return batch
    }
}
