import Core
import Embedding
import Logging

/// Results of one batch whose rows users' transactions have. What was computed is kept and settled later, so that neither
/// the worker waits for the users nor the users for it.
struct KeptResults: Sendable {
    let source: Source
    let space: Space
    var results: [EmbeddingResult]
}

extension EmbeddingWorker {
    /// Keeps results, as far as there is room for them; the jobs of the others are put off.
    func keep(_ locked: [EmbeddingResult], of source: Source, space: Space) async throws -> KeptResults? {
        guard !locked.isEmpty else { return nil }
        let room = max(0, settings.mostKept - keptResults)
        let kept = Array(locked.prefix(room))
        keptResults += kept.count
        try await putOff(locked.dropFirst(room).map(\.job))
        return kept.isEmpty ? nil : KeptResults(source: source, space: space, results: kept)
    }

    /// Long enough that a user's idle transaction costs a little work now and then, and not a whole processor.
    private static let patience = Duration.seconds(30)

    private func putOff(_ jobs: [Job]) async throws {
        guard !jobs.isEmpty else { return }
        logger.notice(
            "users' transactions have more rows than are waited for; their jobs are put off",
            metadata: ["rows": "\(jobs.count)"])
        try await handBackWhenPossible(queue.postpone(jobs, until: .now() + Self.patience))
    }

    /// Tries again and again with a growing pause, until every result is settled or its claim is lost. At a stop the rest
    /// is handed back: it will be embedded again.
    func settleKept(_ kept: KeptResults) async throws {
        var kept = kept
        defer { keptResults -= kept.results.count }
        var pause = Duration.milliseconds(20)
        var farewell: ContinuousClock.Instant?
        while !kept.results.isEmpty {
            try await rest(pause)
            pause = min(pause * 2, .seconds(5))
            if isEnding {
                let end = farewell ?? .now + settings.farewell
                farewell = end
                pause = min(pause, .milliseconds(200))
                if .now >= end { return try await handBackWhenPossible(kept.results.map(\.job)) }
            }
            try await settleAgain(&kept)
        }
    }

    private func settleAgain(_ kept: inout KeptResults) async throws {
        let began = ContinuousClock.now
        do {
            let locked = try await queue.locked(kept.results, of: kept.source)
            let lockedJobs = Set(locked.map(\.job.id))
            let free = kept.results.filter { !lockedJobs.contains($0.job.id) }
            guard !free.isEmpty else { return }
            let batch = try await queue.settle(
                free, of: kept.source, space: kept.space, worker: currentID, inModel: Set(inModel.keys),
                jitters: free.map { _ in Double.random(in: 0..<1) })
            guard batch.locked.count < free.count else { return }
            report(batch, free, kept.source, since: began)
            keptResults -= free.count - batch.locked.count
            kept.results = locked + batch.locked
        } catch let error as DatabaseError where error.isRetryable {
            // Still kept.
        } catch let error as DatabaseError {
            logger.error(
                "results that were kept cannot be settled and are handed back",
                metadata: ["source": "\(kept.source.collection)", "error": "\(error)"])
            let jobs = kept.results.map(\.job)
            keptResults -= jobs.count
            kept.results = []
            try await handBackWhenPossible(jobs)
        }
    }

    /// A pause that a stop shortens.
    private func rest(_ pause: Duration) async throws {
        let end = ContinuousClock.now + pause
        while .now < end {
            if isEnding && pause > .milliseconds(200) { return }
            try await Task.sleep(for: min(.milliseconds(200), ContinuousClock.now.duration(to: end)))
        }
    }
}
