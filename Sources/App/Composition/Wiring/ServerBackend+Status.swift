import Core
import Search
import Serve
import Sources

extension ServerBackend {
    func status() async throws(BackendError) -> Status {
        try await translated {
            let store = JobStore()
            let (counts, workers, progress, failures) = try await database.read { connection in
                let sources = try SourceStore().all(on: connection)
                return (
                    try store.counts(on: connection),
                    try WorkerStore().list(on: connection),
                    try sources.compactMap { try Self.progress(of: $0, on: connection) },
                    try store.failures(on: connection)
                )
            }
            let rate = await meter.rate()
            let names = Dictionary(uniqueKeysWithValues: progress.map { ($0.source.id, $0.source.collection) })
            let now = Timestamp.now()
            return Status(
                version: ThisProcess.version,
                jobs: JobCounts(
                    available: counts["available"] ?? 0, running: counts["running"] ?? 0,
                    scheduled: counts["scheduled"] ?? 0, held: counts["held"] ?? 0, dead: counts["dead"] ?? 0),
                rate: Rate(perSecond: rate.perSecond, history: rate.history),
                workers: workers.map { Self.worker($0, now) },
                sources: progress.map { Self.source($0, rate: rate.perSecond) },
                index: await indexStatus(names),
                failures: failures.map { group in
                    FailureGroup(
                        collection: names[group.source] ?? "?", reason: group.reason, count: group.count,
                        example: .init(key: group.example.key.description, error: group.example.error),
                        hint: Self.hint(for: group.reason))
                })
        }
    }

    /// nil where the table cannot be read now; upkeep reports that.
    private static func progress(of source: Source, on connection: any Connection) throws -> SourceProgress? {
        do {
            return try SourceProgress.read(source, on: connection)
        } catch where error.code == .noSuchObject {
            return nil
        }
    }

    private func indexStatus(_ names: [SourceID: String]) async -> [IndexStatus] {
        let position = await index.feedPosition()
        return await index.all().compactMap { holding in
            names[holding.source].map {
                IndexStatus(
                    collection: $0, vectors: holding.index.count, bytes: holding.index.memoryBytes, position: position)
            }
        }
    }

    private static func source(_ progress: SourceProgress, rate: Double) -> SourceStatus {
        let definition = progress.source.definition
        let counts = progress.counts
        return SourceStatus(
            collection: progress.source.collection, table: definition.table, key: definition.key,
            text: definition.text, into: definition.into, model: definition.model,
            state: SourceStatus.State(rawValue: progress.source.state.rawValue) ?? .active,
            counts: .init(
                pending: counts["pending"] ?? 0, processing: counts["processing"] ?? 0,
                completed: counts["completed"] ?? 0, failed: counts["failed"] ?? 0, skipped: counts["skipped"] ?? 0),
            total: progress.total, progressPercentage: (progress.percentage * 100).rounded(.down) / 100,
            etaSeconds: progress.open == 0 ? 0 : rate > 0 ? (Double(progress.open) / rate).rounded() : nil)
    }

    private static func worker(_ worker: ListedWorker, _ now: Timestamp) -> WorkerStatus {
        let state: WorkerStatus.State =
            switch (worker.state, worker.isInModel) {
            case ("ready", true): .running
            case ("ready", false): .idle
            case ("starting", _): .starting
            case ("draining", _): .draining
            default: .lost
            }
        return WorkerStatus(
            id: worker.id.rawValue, name: worker.name, host: worker.host, pid: Int(worker.pid), state: state,
            device: worker.device ?? "", model: worker.model ?? "", startedAt: worker.startedAt.iso8601,
            seenSecondsAgo: max(0, ((now - worker.beatAt).seconds * 10).rounded() / 10),
            succeeded: worker.succeeded, failed: worker.failed, skipped: worker.skipped, truncated: worker.truncated)
    }

    /// What to do about failures of one reason.
    static func hint(for reason: String) -> String {
        switch reason {
        case JobStore.heldReason:
            "the worker died each time this row was embedded alone: look at its text, edit it, or retry after an update"
        case "not_text": "the text column holds a blob: store text, then retry"
        case "outOfMemory": "the text alone does not fit into memory: shorten it, or give the worker more"
        case "runtimeFailure": "the inference runtime failed: see the worker's log, then retry"
        default: "see the error, mend the row, then retry"
        }
    }

    // MARK: Metrics

    func metrics() async throws(BackendError) -> [Metric] {
        let status = try await status()
        let jobs = status.jobs
        let states = [
            ("available", jobs.available), ("running", jobs.running), ("scheduled", jobs.scheduled),
            ("held", jobs.held), ("dead", jobs.dead),
        ]
        return [
            Metric(
                "millrace_jobs", "Jobs by state.", .gauge,
                states.map { .init(Double($0.1), [.init("state", $0.0)]) }),
            Metric(
                "millrace_worker_rows_total", "Rows settled by a worker, by outcome.", .counter,
                status.workers.flatMap { worker in
                    [("completed", worker.succeeded), ("failed", worker.failed), ("skipped", worker.skipped)].map {
                        .init(Double($0.1), [.init("worker", worker.name), .init("id", "\(worker.id)"), .init("outcome", $0.0)])
                    }
                }),
            Metric(
                "millrace_workers", "Worker processes by state.", .gauge,
                ["idle", "running", "starting", "draining", "lost"].map { state in
                    .init(
                        Double(status.workers.count { $0.state.rawValue == state }), [.init("state", state)])
                }),
            Metric(
                "millrace_source_rows", "Rows of a source by status.", .gauge,
                status.sources.flatMap { source in
                    let counts = source.counts
                    return [
                        ("pending", counts.pending), ("processing", counts.processing),
                        ("completed", counts.completed), ("failed", counts.failed), ("skipped", counts.skipped),
                    ].map { .init(Double($0.1), [.init("collection", source.collection), .init("status", $0.0)]) }
                }),
            Metric(
                "millrace_index_vectors", "Vectors in the live index.", .gauge,
                status.index.map { .init(Double($0.vectors), [.init("collection", $0.collection)]) }),
            Metric(
                "millrace_index_bytes", "Memory of the live index.", .gauge,
                status.index.map { .init(Double($0.bytes), [.init("collection", $0.collection)]) }),
            Metric(
                "millrace_index_position", "Feed position that the index has reached.", .gauge,
                status.index.map { .init(Double($0.position), [.init("collection", $0.collection)]) }),
        ]
    }
}

extension Timestamp {
    /// `2026-11-21T09:30:00Z`, UTC, whole seconds.
    package var iso8601: String {
        // Days from civil, Howard Hinnant, http://howardhinnant.github.io/date_algorithms.html
        let seconds = microseconds / 1_000_000
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let time = seconds - days * 86400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(year)-\(two(month))-\(two(day))T\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60))Z"
    }
}
