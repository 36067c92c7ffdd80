import Core
import Indexing
import Search
import Serve

extension ServerBackend {
    func status() async throws(BackendError) -> Status {
        try await translated {
            let rate = await meter.rate()
            let position = await index.feedPosition()
            let holdings = await index.all().map { holding in
                (
                    holding.source,
                    IndexStatus(
                        collection: "", vectors: holding.index.count, bytes: holding.index.memoryBytes,
                        position: position)
                )
            }
            return try await StatusReader(database: database).read(
                rate: Rate(perSecond: rate.perSecond, history: rate.history),
                index: Dictionary(uniqueKeysWithValues: holdings))
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
                        .init(
                            Double($0.1),
                            [.init("worker", worker.name), .init("id", "\(worker.id)"), .init("outcome", $0.0)])
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
                // Those of a table that cannot be read are not known.
                status.sources.filter { $0.fault == nil || $0.total > 0 }.flatMap(Self.rows)),
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

    private static func rows(_ source: SourceStatus) -> [Metric.Sample] {
        let counts = source.counts
        let byStatus = [
            ("pending", counts.pending), ("processing", counts.processing), ("completed", counts.completed),
            ("failed", counts.failed), ("skipped", counts.skipped),
        ]
        return byStatus.map { status, count in
            Metric.Sample(Double(count), [.init("collection", source.collection), .init("status", status)])
        }
    }
}
