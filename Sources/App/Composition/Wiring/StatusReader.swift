package import Core
import Messages
package import Serve
import Sources

/// The state of queue, workers and sources as the database has it, for the server and for `millrace status` alike.
package struct StatusReader: Sendable {
    private let database: any Database

    package init(database: any Database) {
        self.database = database
    }

    /// Reads everything in one transaction.
    ///
    /// - Parameters:
    ///   - rate: rows settled lately, where somebody has measured it.
    ///   - index: what each source's live index holds, where there is one.
    package func read(rate: Rate = Rate(), index: [SourceID: IndexStatus] = [:]) async throws -> Status {
        let store = JobStore()
        let (transaction, counts, workers, progress, failures) = try await database.read { connection in
            let sources = try SourceStore().all(on: connection)
            return (
                try OldestTransaction.read(on: connection),
                try store.counts(on: connection),
                try WorkerStore().list(on: connection),
                try sources.map { try Self.progress(of: $0, on: connection) },
                try store.failures(on: connection)
            )
        }
        let names = Dictionary(uniqueKeysWithValues: progress.map { ($0.source.id, $0.source.collection) })
        let now = Timestamp.now()
        return Status(
            version: ThisProcess.version, database: Self.database(database.dialect, transaction),
            jobs: JobCounts(
                available: counts["available"] ?? 0, running: counts["running"] ?? 0,
                scheduled: counts["scheduled"] ?? 0, held: counts["held"] ?? 0, dead: counts["dead"] ?? 0),
            rate: rate,
            workers: workers.map { Self.worker($0, now) },
            sources: progress.map { Self.source($0, rate: rate.perSecond) },
            index: progress.compactMap { progress in
                index[progress.source.id].map { status in
                    var named = status
                    named.collection = progress.source.collection
                    return named
                }
            },
            failures: failures.map { group in
                FailureGroup(
                    collection: names[group.source] ?? "?", reason: group.reason, count: group.count,
                    example: .init(key: group.example.key.description, error: group.example.error),
                    hint: Messages.text(.hint(for: group.reason), .en))
            })
    }

    private static func database(_ dialect: Dialect, _ transaction: OldestTransaction?) -> DatabaseStatus {
        DatabaseStatus(
            kind: dialect.rawValue,
            oldestTransaction: transaction.map { transaction in
                .init(
                    pid: Int(transaction.pid), seconds: (transaction.age.seconds * 10).rounded() / 10,
                    application: transaction.application)
            })
    }

    /// A source and its rows, none of them counted where the table cannot be read now, and why.
    private struct Reading {
        let progress: SourceProgress
        var isCounted = true
        let fault: String?
        var source: Source { progress.source }
    }

    private static func progress(of source: Source, on connection: any Connection) throws -> Reading {
        do {
            let progress = try connection.attempt { () throws -> SourceProgress in
                try SourceProgress.read(source, on: connection)
            }
            return Reading(progress: progress, fault: source.definition.fault)
        } catch let error as DatabaseError where error.code == .noSuchObject || error.code == .denied {
            return Reading(
                progress: .unknown(source), isCounted: false, fault: source.definition.fault ?? error.message)
        }
    }

    private static func source(_ reading: Reading, rate: Double) -> SourceStatus {
        let (progress, definition) = (reading.progress, reading.source.definition)
        let counts = progress.counts
        return SourceStatus(
            collection: progress.source.collection, table: definition.tableName.description, key: definition.key,
            text: definition.text, into: definition.into, model: definition.model,
            state: SourceStatus.State(rawValue: progress.source.state.rawValue) ?? .active,
            counts: .init(
                pending: counts["pending"] ?? 0, processing: counts["processing"] ?? 0,
                completed: counts["completed"] ?? 0, failed: counts["failed"] ?? 0, skipped: counts["skipped"] ?? 0),
            total: progress.total,
            progressPercentage: reading.isCounted ? (progress.percentage * 100).rounded(.down) / 100 : 0,
            etaSeconds: !reading.isCounted
                ? nil : progress.open == 0 ? 0 : rate > 0 ? (Double(progress.open) / rate).rounded() : nil,
            fault: reading.fault)
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
            id: worker.id.rawValue, name: worker.name, host: worker.host, pid: Int(worker.pid),
            version: worker.version ?? "", state: state,
            device: worker.device ?? "", model: worker.model ?? "", startedAt: worker.startedAt.iso8601,
            seenSecondsAgo: max(0, ((now - worker.beatAt).seconds * 10).rounded() / 10),
            succeeded: worker.succeeded, failed: worker.failed, skipped: worker.skipped, truncated: worker.truncated,
            ratePerSecond: (state == .lost ? 0 : worker.rate * 10).rounded() / 10)
    }
}
