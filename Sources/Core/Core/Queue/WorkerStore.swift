/// The table of worker incarnations: who is there, and what each has inside its model.
package struct WorkerStore: Sendable {
    package init() {}

    /// What a worker says of itself when it starts.
    package struct Introduction: Sendable {
        package var name: String
        package var host: String
        package var pid: Int32
        /// Of the program.
        package var version: String

        package init(name: String, host: String, pid: Int32, version: String = "") {
            self.name = name
            self.host = host
            self.pid = pid
            self.version = version
        }
    }

    /// Enters a new incarnation.
    package func register(
        _ worker: Introduction, now: Timestamp, on connection: any Connection
    ) throws(DatabaseError) -> WorkerID {
        let row = try connection.row(
            .both(
                """
                INSERT INTO \(Table.worker)(name, host, pid, version, state, beat_at, started_at)
                VALUES (:name, :host, :pid, :version, 'starting', :now, :now) RETURNING id
                """),
            [
                "name": .text(worker.name), "host": .text(worker.host), "pid": Value(worker.pid),
                "version": .text(worker.version), "now": Value(now),
            ])
        guard let row else { preconditionFailure("INSERT … RETURNING gave no row") }
        return row.id(0)
    }

    /// Says that the worker has a model and takes work.
    package func ready(
        _ worker: WorkerID, device: String, model: String, endpoint: String?, on connection: any Connection
    ) throws(DatabaseError) {
        try connection.run(
            .both(
                """
                UPDATE \(Table.worker) SET state = 'ready', device = :device, model = :model, endpoint = :endpoint
                WHERE id = :id AND state IN ('starting', 'ready')
                """),
            [
                "id": Value(worker), "device": .text(device), "model": .text(model), "endpoint": Value(endpoint),
            ])
    }

    /// One beat.
    ///
    /// - Parameter rate: rows settled in a second of late.
    /// - Returns: false where the incarnation has been declared lost or stopped: its claims are gone.
    package func beat(
        _ worker: WorkerID, rate: Double = 0, now: Timestamp, on connection: any Connection
    ) throws(DatabaseError) -> Bool {
        try connection.run(
            .both(
                """
                UPDATE \(Table.worker) SET beat = beat + 1, beat_at = :now, rate = :rate
                WHERE id = :id AND state IN ('starting', 'ready', 'draining')
                """), ["now": Value(now), "rate": .real(rate), "id": Value(worker)]) == 1
    }

    /// Writes down which claims are inside the model from now on. Their jobs count a crash if the process dies.
    package func enterModel(
        _ fences: Set<Int64>, of worker: WorkerID, on connection: any Connection
    ) throws(DatabaseError) {
        let list = "[" + fences.sorted().map(String.init).joined(separator: ",") + "]"
        try connection.run(
            .both("UPDATE \(Table.worker) SET in_model = :list WHERE id = :id"),
            ["id": Value(worker), "list": .text(list)])
    }

    func fencesInModel(of worker: WorkerID, on connection: any Connection) throws(DatabaseError) -> Set<Int64> {
        let list = try connection.row(
            .both("SELECT in_model FROM \(Table.worker) WHERE id = :id"), ["id": Value(worker)])?.text(0)
        return Set((list ?? "[]").dropFirst().dropLast().split(separator: ",").compactMap { Int64($0) })
    }

    /// Adds a settled batch to the worker's totals.
    package func count(
        succeeded: Int, failed: Int, skipped: Int, truncated: Int, of worker: WorkerID, on connection: any Connection
    ) throws(DatabaseError) {
        try connection.runLater(
            .both(
                """
                UPDATE \(Table.worker) SET
                    succeeded = succeeded + :succeeded, failed = failed + :failed,
                    skipped = skipped + :skipped, truncated = truncated + :truncated
                WHERE id = :id
                """),
            [
                "id": Value(worker), "succeeded": Value(succeeded), "failed": Value(failed),
                "skipped": Value(skipped), "truncated": Value(truncated),
            ])
    }

    /// Keeps everybody else from ending an incarnation, or taking what it holds, until the transaction ends.
    ///
    /// - Returns: false where it has ended already.
    func hold(_ worker: WorkerID, on connection: any Connection) throws(DatabaseError) -> Bool {
        try connection.row(Self.holdSQL, ["id": Value(worker)]) != nil
    }

    private static let holdSQL = SQL(sqlite: hold(""), postgres: hold("FOR NO KEY UPDATE"))

    private static func hold(_ lock: String) -> SQLText {
        "SELECT id FROM \(Table.worker) WHERE id = :id AND state IN ('starting', 'ready', 'draining') \(lock)"
    }

    /// Ends an incarnation that beats no more. - Returns: false where it had ended already.
    package func end(
        _ worker: WorkerID, as state: WorkerEnd, on connection: any Connection
    ) throws(DatabaseError) -> Bool {
        try connection.run(
            .both(
                """
                UPDATE \(Table.worker) SET state = :state, endpoint = NULL
                WHERE id = :id AND state IN ('starting', 'ready', 'draining')
                """), ["id": Value(worker), "state": .text(state.rawValue)]) == 1
    }

    /// The living incarnations and the last beat each was seen with.
    package func beats(on connection: any Connection) throws(DatabaseError) -> [WorkerID: Int64] {
        let rows = try connection.rows(
            .both("SELECT id, beat FROM \(Table.worker) WHERE state IN ('starting', 'ready', 'draining')"))
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.id(0), $0.integer(1)) })
    }

    /// Forgets incarnations that ended before `moment` and hold no job.
    package func prune(endedBefore moment: Timestamp, on connection: any Connection) throws(DatabaseError) -> Int {
        try connection.run(
            .both(
                """
                DELETE FROM \(Table.worker)
                WHERE state IN ('stopped', 'lost') AND beat_at < :moment
                    AND NOT EXISTS (
                        SELECT 1 FROM \(Table.job) WHERE worker_id = \(Table.worker).id AND state = 'running')
                """), ["moment": Value(moment)])
    }
}

/// How an incarnation ended.
package enum WorkerEnd: String, Sendable {
    /// It said goodbye.
    case stopped
    /// It was not heard of for a whole lease, or its parent saw it die.
    case lost
}
