import Foundation
import GRDBSQLite

/// The queue's statements on a SQLite file by its C interface alone, as fast as one program can run them: what the
/// product's layers are measured against. The texts are those of ``JobStore``.
struct BareQueue {
    private let connection: OpaquePointer
    private let batch: Int

    init(file: String, batch: Int) throws {
        var opened: OpaquePointer?
        guard sqlite3_open_v2(file, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil) == SQLITE_OK,
            let opened
        else { throw Failure(message: "\(file) cannot be opened") }
        connection = opened
        self.batch = batch
        try execute("PRAGMA synchronous = FULL")
        try execute("PRAGMA cache_size = -8192")
    }

    private func execute(_ text: String) throws {
        guard sqlite3_exec(connection, text, nil, nil, nil) == SQLITE_OK else { throw failure(text) }
    }

    private func failure(_ text: String) -> Failure {
        Failure(message: "\(String(cString: sqlite3_errmsg(connection))): \(text)")
    }

    private func prepared(_ text: String) throws -> OpaquePointer {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v3(connection, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK,
            let statement
        else { throw failure(text) }
        return statement
    }

    /// Claims and settles a batch after another until nothing is left.
    func drain() throws -> Drain.Counts {
        let fenceStatement = try prepared(Self.fence)
        let claimStatement = try prepared(Self.claim)
        let finishStatement = try prepared(Self.finish)
        let forgetStatement = try prepared(Self.forget)
        let start = ContinuousClock.now
        var counts = Drain.Counts()
        while true {
            try execute("BEGIN IMMEDIATE")
            let fence = try number(fenceStatement)
            let jobs = try claimed(claimStatement, fence: fence)
            try execute("COMMIT")
            if jobs.isEmpty { break }
            try execute("BEGIN IMMEDIATE")
            for job in jobs { try step(finishStatement, job.id, job.fence) }
            for job in jobs { try forget(forgetStatement, job) }
            try execute("COMMIT")
            counts.jobs += jobs.count
            counts.batches += 1
        }
        counts.seconds = (ContinuousClock.now - start).inSeconds
        return counts
    }

    private func number(_ statement: OpaquePointer) throws -> Int64 {
        defer { sqlite3_reset(statement) }
        guard sqlite3_step(statement) == SQLITE_ROW else { throw failure("fence") }
        return sqlite3_column_int64(statement, 0)
    }

    /// The columns that the product reads of each job.
    private struct Claimed {
        let id: Int64
        let source: Int64
        let key: String
        let attempt: Int64
        let crashes: Int64
        let fence: Int64
    }

    private func claimed(_ statement: OpaquePointer, fence: Int64) throws -> [Claimed] {
        defer { sqlite3_reset(statement) }
        sqlite3_bind_int64(statement, 1, fence)
        sqlite3_bind_int64(statement, 2, Int64(batch))
        var jobs: [Claimed] = []
        jobs.reserveCapacity(batch)
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW:
                jobs.append(
                    Claimed(
                        id: sqlite3_column_int64(statement, 0), source: sqlite3_column_int64(statement, 1),
                        key: String(cString: sqlite3_column_text(statement, 2)),
                        attempt: sqlite3_column_int64(statement, 3), crashes: sqlite3_column_int64(statement, 4),
                        fence: sqlite3_column_int64(statement, 5)))
            case SQLITE_DONE: return jobs
            default: throw failure("claim")
            }
        }
    }

    private func step(_ statement: OpaquePointer, _ first: Int64, _ second: Int64) throws {
        sqlite3_bind_int64(statement, 1, first)
        sqlite3_bind_int64(statement, 2, second)
        defer { sqlite3_reset(statement) }
        guard sqlite3_step(statement) == SQLITE_DONE else { throw failure("finish") }
    }

    private func forget(_ statement: OpaquePointer, _ job: Claimed) throws {
        sqlite3_bind_int64(statement, 1, job.source)
        // SQLITE_TRANSIENT, which is a cast that Swift does not import.
        sqlite3_bind_text(statement, 2, job.key, -1, unsafeBitCast(-1, to: sqlite3_destructor_type.self))
        defer { sqlite3_reset(statement) }
        guard sqlite3_step(statement) == SQLITE_DONE else { throw failure("forget") }
    }

    private static let fence = """
        UPDATE millrace_counter SET value = value + 1 WHERE name = 'fence'
        RETURNING value, EXISTS (SELECT 1 FROM millrace_model_limit)
        """
    private static let claim = """
        UPDATE millrace_job
        SET state = 'running', claimed_rev = wanted_rev, fence = ?1, worker_id = 1
        WHERE id IN (
            SELECT id FROM millrace_job
            WHERE state = 'available' AND crashes BETWEEN 0 AND 0
                AND source_id NOT IN (SELECT id FROM millrace_source WHERE state = 'suspended')
            ORDER BY crashes, priority DESC, id
            LIMIT ?2)
        RETURNING id, source_id, key, attempt, crashes, fence
        """
    private static let finish = "DELETE FROM millrace_job WHERE id = ?1 AND fence = ?2 AND state = 'running'"
    private static let forget = "DELETE FROM millrace_job_dead WHERE source_id = ?1 AND key = ?2"
}
