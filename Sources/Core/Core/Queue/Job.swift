package import Logging

/// A source's identity as the queue knows it; what a source is belongs to its feature.
package enum SourceSubject {}

/// A worker incarnation's identity; see ``WorkerStore``.
package enum WorkerSubject {}

package typealias SourceID = ID<SourceSubject>
package typealias WorkerID = ID<WorkerSubject>

/// One claimed job: the right to settle one row, for as long as the fence is the present one.
package struct Job: Hashable, Sendable {
    package let id: ID<Job>
    package let source: SourceID
    package let key: Key
    /// The incarnation that claimed it; nil where that is known to be gone.
    package let worker: WorkerID?
    /// Unique per claim of a worker, and larger than every earlier one of its own. Of other workers, too, unless PostgreSQL has
    /// crashed with a claim that was not on its disk yet: then another worker may draw the lost claim's fence.
    package let fence: Int64
    package let attempt: Int
    package let crashes: Int

    package init(
        id: ID<Job>, source: SourceID, key: Key, worker: WorkerID?, fence: Int64, attempt: Int, crashes: Int
    ) {
        self.id = id
        self.source = source
        self.key = key
        self.worker = worker
        self.fence = fence
        self.attempt = attempt
        self.crashes = crashes
    }

    /// What a log line says of the job.
    package var metadata: Logger.Metadata {
        ["job.id": "\(id)", "source.id": "\(source)", "row.key": "\(key)"]
    }
}

/// Why a job failed, for the table of dead jobs and for people.
package struct JobFailure: Hashable, Sendable {
    /// A short stable code to group by, such as `model_refused`.
    package let reason: String
    /// One sentence, as long as it needs to be.
    package let error: String
    package let isRetryable: Bool

    package init(reason: String, error: String, isRetryable: Bool) {
        self.reason = reason
        self.error = error
        self.isRetryable = isRetryable
    }
}
