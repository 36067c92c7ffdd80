import Core

/// What is to become of each result of a batch, decided from how its row and its claim stand, and corrected by what the
/// database then says. Pure: it reads and writes nothing.
struct SettlementLedger {
    struct Vector {
        let result: EmbeddingResult
        /// The vector as the user's column takes it.
        let column: Value
    }

    struct Failing {
        let result: EmbeddingResult
        let failure: JobFailure
        let hash: [UInt8]?
        /// False where the row let itself not be written before.
        var isWritable = true
    }

    var counts = SettledCounts()
    /// Nothing is written of these.
    private(set) var locked: [EmbeddingResult] = []
    /// To be written; afterwards those that were.
    private(set) var vectors: [Vector] = []
    /// Rows without text, to be cleared; afterwards those that were.
    private(set) var blank: [EmbeddingResult] = []
    /// All of them.
    var written: [EmbeddingResult] { vectors.map(\.result) + blank }
    private(set) var failing: [Failing] = []
    private(set) var requeued: [Job] = []
    private(set) var finished: [Job] = []
    /// Keys that have no embedding any more.
    var forgotten: [Key] = []

    /// - Parameter columns: the vectors as the user's column takes them.
    init(
        _ results: [EmbeddingResult], columns: [Value?], rows: [SourceRows.Standing], claims: [JobStore.Standing]
    ) {
        for (index, result) in results.enumerated() {
            switch (claims[index], rows[index]) {
            case (.lost, _): counts.dropped += 1
            case (.locked, _), (_, .locked): locked.append(result)
            case (.superseded, _), (.current, .changed): requeue(result.job)
            case (.current, .gone):
                counts.dropped += 1
                forgotten.append(result.job.key)
                finished.append(result.job)
            case (.current, .same): enter(result, column: columns[index])
            }
        }
    }

    private mutating func requeue(_ job: Job) {
        counts.requeued += 1
        requeued.append(job)
    }

    private mutating func enter(_ result: EmbeddingResult, column: Value?) {
        switch result.outcome {
        case .vector: vectors.append(Vector(result: result, column: column ?? .null))
        case .nothing: blank.append(result)
        // It was not there when it was read, and now it is.
        case .gone: requeue(result.job)
        case .failed(let failure, let hash): failing.append(Failing(result: result, failure: failure, hash: hash))
        }
    }

    private mutating func refuse(_ result: EmbeddingResult) {
        let failure = JobFailure(
            reason: EmbeddingSettlement.refused,
            error: "a trigger on the table let the row pass by unwritten: let it write the row, or take the row out",
            isRetryable: false)
        failing.append(Failing(result: result, failure: failure, hash: nil, isWritable: false))
    }

    /// - Parameter written: as many as ``vectors``.
    mutating func noteWritten(_ written: [SourceRows.Written]) {
        let entered = vectors
        vectors = []
        for (vector, written) in zip(entered, written) {
            switch written {
            case .kept: vectors.append(vector)
            case .refused: refuse(vector.result)
            case .changed: requeue(vector.result.job)
            }
        }
    }

    /// - Parameter cleared: as many as ``blank``.
    mutating func noteCleared(_ cleared: [SourceRows.Written]) {
        let entered = blank
        blank = []
        for (result, cleared) in zip(entered, cleared) {
            switch cleared {
            case .kept: blank.append(result)
            case .refused: refuse(result)
            case .changed: requeue(result.job)
            }
        }
    }

    /// - Parameter claims: how the claims of all in ``written`` stand after the writing.
    mutating func noteClaims(_ claims: [ID<Job>: JobStore.Standing]) {
        let (vectors, blank) = (vectors, blank)
        (self.vectors, self.blank) = ([], [])
        for vector in vectors {
            guard claims[vector.result.job.id] == .current else {
                requeue(vector.result.job)
                continue
            }
            counts.succeeded += 1
            if vector.result.isTruncated { counts.truncated += 1 }
            finished.append(vector.result.job)
            self.vectors.append(vector)
        }
        for result in blank {
            guard claims[result.job.id] == .current else {
                requeue(result.job)
                continue
            }
            counts.skipped += 1
            finished.append(result.job)
            forgotten.append(result.job.key)
            self.blank.append(result)
        }
    }
}
