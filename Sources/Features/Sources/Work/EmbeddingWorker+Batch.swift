import Core
import Embedding
import Logging

extension EmbeddingWorker {
    /// Takes a claimed batch through the model and settles it, to the last row that a user's transaction has.
    func process(_ claimed: [Job]) async throws {
        for kept in try await embedAndSettle(claimed) { try await settleKept(kept) }
    }

    /// - Returns: what could not be settled yet, because users' transactions have the rows.
    func embedAndSettle(_ claimed: [Job]) async throws -> [KeptResults] {
        var kept: [KeptResults] = []
        var timeInModel = Duration.zero
        for (sourceID, jobs) in Dictionary(grouping: claimed, by: \.source) {
            do {
                // Removed meanwhile: its jobs went with it.
                guard let source = try await source(sourceID) else { continue }
                if let results = try await embedAndSettleOrSuspend(jobs, of: source, &timeInModel) {
                    kept.append(results)
                }
            } catch let error as DatabaseError where error.isRetryable {
                // Not settled, so not lost: the same rows are claimed again.
                logger.warning(
                    "a batch could not be settled and is handed back", metadata: ["error": "\(error)"])
                try await handBackWhenPossible(jobs)
            }
        }
        claimSize.note(claimed.count, took: timeInModel)
        return kept
    }

    /// A source whose table cannot be read is suspended.
    private func embedAndSettleOrSuspend(
        _ jobs: [Job], of source: Source, _ timeInModel: inout Duration
    ) async throws -> KeptResults? {
        do {
            return try await embedAndSettle(jobs, of: source, &timeInModel)
        } catch let error as DatabaseError where error.isOfTable {
            logger.error(
                "a source's table cannot be read; the source is suspended",
                metadata: ["source": "\(source.collection)", "error": "\(error)"])
            let locked = try await queue.suspend(source, fault: error.message, handingBack: jobs)
            try await handBackWhenPossible(locked)
            return nil
        }
    }

    /// Hands back, however long the database cannot be written or a user's transaction is writing the jobs: those of a
    /// living worker are freed by nobody else. At a stop it is not waited for: who has ended is.
    func handBackWhenPossible(_ jobs: [Job]) async throws {
        var left = jobs
        var pause = Duration.milliseconds(100)
        let start = ContinuousClock.now
        while !left.isEmpty {
            do {
                left = try await queue.handBack(left)
            } catch let error as DatabaseError where error.isRetryable {}
            guard !left.isEmpty, !isEnding || start.duration(to: .now) < settings.farewell else { return }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(1))
        }
    }

    private func source(_ id: SourceID) async throws -> Source? {
        // Read each time: a source may have been changed or removed, and a batch is thousands of times dearer.
        try await database.read { connection in try SourceStore().find(id, on: connection) }
    }

    private func embedAndSettle(
        _ jobs: [Job], of source: Source, _ timeInModel: inout Duration
    ) async throws -> KeptResults? {
        let began = ContinuousClock.now
        let embedder: any Embedder
        do {
            embedder = try await provider.embedder(for: source.definition.model)
        } catch {
            try await handBackWhenPossible(jobs)
            throw error
        }
        let inputs = try await queue.read(jobs, of: source, space: embedder.space)
        let fences = Set(jobs.map(\.fence))
        var outcomes = try await knownOutcomes(inputs, embedder)
        let texts = distinctTexts(inputs, without: outcomes)
        if !texts.isEmpty {
            for fence in fences { inModel[fence] = began }
            try await queue.enterModel(Set(inModel.keys), of: currentID)
            do {
                let entered = ContinuousClock.now
                try await embed(texts, with: embedder, into: &outcomes)
                timeInModel += entered.duration(to: .now)
            } catch {
                leaveModel(fences)
                try await handBackWhenPossible(jobs)
                throw error
            }
            leaveModel(fences)
        }
        let results = inputs.map { EmbeddingResult(job: $0.job, values: $0.values, outcome: outcome($0, outcomes)) }
        let batch = try await queue.settle(
            results, of: source, space: embedder.space, worker: currentID, inModel: Set(inModel.keys),
            jitters: results.map { _ in Double.random(in: 0..<1) })
        report(batch, results, source, since: began)
        return try await keep(batch.locked, of: source, space: embedder.space)
    }

    var currentID: WorkerID {
        guard let id else { preconditionFailure("work begins after register()") }
        return id
    }

    private func leaveModel(_ fences: Set<Int64>) {
        for fence in fences { inModel[fence] = nil }
    }

    /// The outcomes of inputs whose vector is known already.
    private func knownOutcomes(
        _ inputs: [EmbeddingInput], _ embedder: any Embedder
    ) async throws -> [[UInt8]: EmbeddingResult.Outcome] {
        let hashes = Set(inputs.compactMap(\.hash))
        guard !hashes.isEmpty else { return [:] }
        let known = try await queue.known(hashes, space: embedder.space)
        return Dictionary(
            uniqueKeysWithValues: known.map { ($0, EmbeddingResult.Outcome.vector($1, hash: $0, isTruncated: false)) })
    }

    private func distinctTexts(
        _ inputs: [EmbeddingInput], without outcomes: [[UInt8]: EmbeddingResult.Outcome]
    ) -> [(hash: [UInt8], text: String)] {
        var seen: Set<[UInt8]> = []
        return inputs.compactMap { input in
            guard case .text(let text, let hash) = input.content, outcomes[hash] == nil, seen.insert(hash).inserted
            else { return nil }
            return (hash, text)
        }
    }

    /// Embeds `texts`; where that fails, halves, so that a text that cannot be embedded fails alone and a batch that is
    /// too big for the memory passes in pieces.
    private func embed(
        _ texts: [(hash: [UInt8], text: String)], with embedder: any Embedder,
        into outcomes: inout [[UInt8]: EmbeddingResult.Outcome]
    ) async throws {
        do throws(EmbeddingError) {
            let embeddings = try await embedder.embed(texts.map(\.text), urgency: .bulk)
            for (row, text) in texts.enumerated() {
                outcomes[text.hash] = .vector(
                    Array(embeddings[row]), hash: text.hash, isTruncated: embeddings.isTruncated[row])
            }
        } catch {
            switch error.code {
            case .outOfMemory, .runtimeFailure, .badInput:
                guard texts.count > 1 else {
                    let failure = JobFailure(
                        reason: error.code.rawValue, error: error.message, isRetryable: error.isRetryable)
                    outcomes[texts[0].hash] = .failed(failure, hash: texts[0].hash)
                    return
                }
                logger.notice(
                    "a batch failed and is tried in halves",
                    metadata: ["texts": "\(texts.count)", "error": "\(error)"])
                try await embed(Array(texts[..<(texts.count / 2)]), with: embedder, into: &outcomes)
                try await embed(Array(texts[(texts.count / 2)...]), with: embedder, into: &outcomes)
            case .runtimeMissing, .modelMissing, .modelCorrupt, .deviceUnavailable, .cancelled:
                throw error
            }
        }
    }

    private func outcome(
        _ input: EmbeddingInput, _ outcomes: [[UInt8]: EmbeddingResult.Outcome]
    ) -> EmbeddingResult.Outcome {
        switch input.content {
        case .gone: return .gone
        case .nothing: return .nothing
        case .unusable(let failure): return .failed(failure, hash: nil)
        case .text(_, let hash):
            guard let outcome = outcomes[hash] else { preconditionFailure("every text has an outcome") }
            return outcome
        }
    }

    func report(
        _ batch: SettledBatch, _ results: [EmbeddingResult], _ source: Source, since began: ContinuousClock.Instant
    ) {
        let counts = batch.counts
        totals.succeeded += counts.succeeded
        totals.failed += counts.failed
        totals.skipped += counts.skipped
        let seconds = began.duration(to: .now).seconds
        logger.info(
            "batch settled",
            metadata: [
                "source": "\(source.collection)", "batch": "\(results.count)", "succeeded": "\(counts.succeeded)",
                "failed": "\(counts.failed)", "skipped": "\(counts.skipped)", "requeued": "\(counts.requeued)",
                "locked": "\(batch.locked.count)",
                "seconds": "\((seconds * 1000).rounded() / 1000)", "total.succeeded": "\(totals.succeeded)",
                "total.failed": "\(totals.failed)",
            ])
        guard logger.logLevel <= .debug else { return }
        let locked = Set(batch.locked.map(\.job))
        for result in results where !locked.contains(result.job) {
            logger.debug(
                "row settled", metadata: result.job.metadata.merging(["outcome": "\(result.outcome.word)"]) { $1 })
        }
    }
}

extension DatabaseError {
    /// Whether the source's table is not what it was, or not to be had: no row of it can be settled until somebody has
    /// done something. What one row alone is to blame for does not come this far.
    fileprivate var isOfTable: Bool {
        switch code {
        case .noSuchObject, .denied, .constraint, .other: true
        default: false
        }
    }
}

extension EmbeddingInput {
    fileprivate var hash: [UInt8]? {
        if case .text(_, let hash) = content { hash } else { nil }
    }
}

extension EmbeddingResult.Outcome {
    fileprivate var word: String {
        switch self {
        case .vector: "completed"
        case .nothing: "skipped"
        case .gone: "gone"
        case .failed(let failure, _): "failed: \(failure.reason)"
        }
    }
}
