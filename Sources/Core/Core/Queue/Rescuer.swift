package import Logging

/// Ends the incarnations of workers that are gone and frees what they held. Idempotent, so that servers and workers may
/// all do it: what was settled or freed meanwhile is not touched.
package struct Rescuer: Sendable {
    private let database: any Database
    private let jobs: JobStore
    private let logger: Logger
    /// Lets the features put their rows' status right, inside the rescue's transaction.
    let afterRescue: @Sendable (any Connection, JobStore.Rescue) throws -> Void

    package init(
        database: any Database, jobs: JobStore = JobStore(), logger: Logger,
        afterRescue: @escaping @Sendable (any Connection, JobStore.Rescue) throws -> Void
    ) {
        self.database = database
        self.jobs = jobs
        self.logger = logger
        self.afterRescue = afterRescue
    }

    /// Frees what a worker held, and ends its incarnation; at once when its parent has seen the process die.
    ///
    /// In steps, since a user's edit of a job waits for the whole of a transaction that changes it. The incarnation ends with
    /// the last one: who goes on after a rescuer that died in between finds the rest of what the worker held.
    ///
    /// - Parameter isEntitled: asked first in each transaction; where it says no, nothing more is done.
    package func declareLost(
        _ worker: WorkerID, because reason: String,
        where isEntitled: @escaping @Sendable (any Connection) throws -> Bool = { _ in true }
    ) async throws {
        var rescue = JobStore.Rescue()
        var step: Step
        repeat {
            let began = ContinuousClock.now
            step = try await free(worker, because: reason, after: rescue, where: isEntitled)
            rescue += step.rescue
            if !step.isLast { await UsersLocks.rest(since: began) }
        } while !step.isLast
        guard step.hasEnded || rescue.count > 0 else { return }
        logger.warning(
            "a worker was lost and its jobs were freed",
            metadata: [
                "worker.id": "\(worker)", "reason": "\(reason)", "freed": "\(rescue.freed.count)",
                "held": "\(rescue.held.count)",
            ])
    }

    private struct Step: Sendable {
        var rescue = JobStore.Rescue()
        var isLast = true
        /// Whether this one ended the incarnation.
        var hasEnded = false
    }

    private func free(
        _ worker: WorkerID, because reason: String, after earlier: JobStore.Rescue,
        where isEntitled: @escaping @Sendable (any Connection) throws -> Bool
    ) async throws -> Step {
        let (jobs, afterRescue) = (jobs, afterRescue)
        return try await database.writeBriefly { connection in
            guard try isEntitled(connection), try WorkerStore().hold(worker, on: connection) else { return Step() }
            let rescue = try jobs.rescue(
                worker, error: "worker \(worker) died while this was in its model: \(reason)",
                limit: UsersLocks.jobsPerStep, after: earlier, on: connection)
            var step = Step(rescue: rescue, isLast: rescue.count < UsersLocks.jobsPerStep)
            if step.isLast { step.hasEnded = try WorkerStore().end(worker, as: .lost, on: connection) }
            try afterRescue(connection, rescue)
            connection.notify()
            return step
        }
    }
}
