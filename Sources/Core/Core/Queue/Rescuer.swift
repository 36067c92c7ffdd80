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

    /// Ends a worker's incarnation and frees what it held; at once when its parent has seen the process die.
    ///
    /// - Parameter isEntitled: asked first, in the same transaction; where it says no, nothing is done.
    package func declareLost(
        _ worker: WorkerID, because reason: String,
        where isEntitled: @escaping @Sendable (any Connection) throws -> Bool = { _ in true }
    ) async throws {
        let (jobs, afterRescue) = (jobs, afterRescue)
        let rescue = try await database.writeBriefly { connection -> JobStore.Rescue? in
            guard try isEntitled(connection), try WorkerStore().end(worker, as: .lost, on: connection) else {
                return nil
            }
            let rescue = try jobs.rescue(
                worker, error: "worker \(worker) died while this was in its model: \(reason)", on: connection)
            try afterRescue(connection, rescue)
            connection.notify()
            return rescue
        }
        guard let rescue else { return }
        logger.warning(
            "a worker was lost and its jobs were freed",
            metadata: [
                "worker.id": "\(worker)", "reason": "\(reason)", "freed": "\(rescue.freed.count)",
                "held": "\(rescue.held.count)",
            ])
    }
}
