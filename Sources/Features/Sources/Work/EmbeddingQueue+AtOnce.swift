import Core
import Synchronization

/// Settling on PostgreSQL in one round trip.
extension EmbeddingQueue {
    /// - Returns: what it came to, and the results of which nothing is written yet: those without a vector, those whose
    ///   row is gone, is changed, is somebody else's or refuses to be written, and those whose claim is lost or locked.
    func settleAtOnce(
        _ results: [EmbeddingResult], _ settlement: EmbeddingSettlement
    ) async throws -> (SettledBatch, left: [EmbeddingResult]) {
        let vectors = results.filter(\.isVector)
        let others = results.filter { !$0.isVector }
        guard !vectors.isEmpty else { return (SettledBatch(), others) }
        let columns = settlement.columns(vectors, for: database.dialect).compactMap(\.self)
        let answer = Mutex<(settled: Set<Int>, superseded: Set<Int>)>(([], []))
        var batch = try await commit(vectors) { connection in
            try settlement.applyAtOnce(vectors, columns: columns, now: .now(), on: connection) { settled, superseded in
                answer.withLock { $0 = (settled, superseded) }
            }
            return SettledBatch()
        }
        guard batch.locked.isEmpty else { return (batch, others) }
        let (settled, superseded) = answer.withLock(\.self)
        var (again, left) = ([EmbeddingResult](), others)
        for (place, result) in zip(1..., vectors) {
            if settled.contains(place) {
                batch.counts.succeeded += 1
                if result.isTruncated { batch.counts.truncated += 1 }
            } else if superseded.contains(place) {
                again.append(result)
            } else {
                left.append(result)
            }
        }
        var requeued: Set<Int> = []
        do {
            requeued = try await requeueAtOnce(again, settlement)
        } catch let error as DatabaseError where error.isOfOneRow {
            // They are left as well.
        }
        batch.counts.requeued += requeued.count
        for (place, result) in zip(1..., again) where !requeued.contains(place) { left.append(result) }
        return (batch, left)
    }

    /// - Returns: the places, counted from 1, of those that are queued again.
    private func requeueAtOnce(
        _ results: [EmbeddingResult], _ settlement: EmbeddingSettlement
    ) async throws -> Set<Int> {
        guard !results.isEmpty else { return [] }
        let answer = Mutex<Set<Int>>([])
        let batch = try await commit(results) { connection in
            // It has jobs before it comes to the table.
            try connection.limitPatience(UsersLocks.tablePatienceWithJobs)
            try settlement.requeueAtOnce(results.map(\.job), on: connection) { places in answer.withLock { $0 = places }
            }
            return SettledBatch()
        }
        return batch.locked.isEmpty ? answer.withLock(\.self) : []
    }

    /// Looks which of these results have rows that a user's transaction has just now, without writing anything: a table's
    /// own triggers see each statement that writes, even where it finds no row.
    ///
    /// - Returns: those of them.
    func locked(_ results: [EmbeddingResult], of source: Source) async throws -> [EmbeddingResult] {
        let (database, rows) = (database, SourceRows(source))
        return try await inBodies(results.count) { body in
            let part = Array(results[body])
            let keys = part.map(\.job.key)
            let answers = Mutex<(free: Set<Int>, present: Set<Int>)>(([], []))
            try await database.writeBriefly { connection in
                try connection.runTogether([
                    rows.findingFree(keys) { places in answers.withLock { $0.free = places } },
                    rows.finding(keys) { places in answers.withLock { $0.present = places } },
                ])
            }
            let locked = answers.withLock { $0.present.subtracting($0.free) }
            return zip(1..., part).filter { locked.contains($0.0) }.map(\.1)
        }.flatMap(\.self)
    }
}
