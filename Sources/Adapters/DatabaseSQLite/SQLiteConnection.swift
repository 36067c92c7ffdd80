import Core

/// The port's connection inside one transaction, on the thread that runs it.
final class SQLiteConnection: Connection {
    private let handle: SQLiteHandle
    private let writes: Bool
    private let clock = ContinuousClock()
    /// Why the library ended the transaction by itself; every further statement is refused with it, since it would
    /// be a transaction of its own.
    private(set) var ending: DatabaseError?
    /// The statement that took longest since ``watch()``.
    private(set) var slowest: (statement: String, duration: Duration) = ("", .zero)

    init(_ handle: SQLiteHandle, writes: Bool) {
        self.handle = handle
        self.writes = writes
    }

    var dialect: Dialect { .sqlite }

    /// Begins a new transaction as far as this object is concerned.
    func watch() {
        ending = nil
        slowest = ("", .zero)
    }

    @discardableResult
    func run(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> Int {
        try perform(statement.text(for: .sqlite), writing: true) { prepared throws(DatabaseError) in
            let before = handle.totalChanges
            try prepared.run(parameters)
            return changes(since: before)
        }
    }

    @discardableResult
    func runMany(_ statement: SQL, _ batch: [Parameters]) throws(DatabaseError) -> [Int] {
        try perform(statement.text(for: .sqlite), writing: true) { prepared throws(DatabaseError) in
            var counts: [Int] = []
            counts.reserveCapacity(batch.count)
            for parameters in batch {
                let before = handle.totalChanges
                try prepared.run(parameters)
                counts.append(changes(since: before))
            }
            return counts
        }
    }

    func rows(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> [Row] {
        try perform(statement.text(for: .sqlite), writing: false) { prepared throws(DatabaseError) in
            try prepared.rows(parameters)
        }
    }

    func script(_ text: String) throws(DatabaseError) {
        guard writes else { throw Self.refusal(text) }
        try guarding { () throws(DatabaseError) in try handle.script(text) }
    }

    /// By a savepoint: a single statement fails whole, a body of several would not.
    func attempt<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        savepoint("SAVEPOINT millrace_attempt")
        do {
            let result = try body()
            savepoint("RELEASE millrace_attempt")
            return result
        } catch {
            savepoint("ROLLBACK TO millrace_attempt")
            savepoint("RELEASE millrace_attempt")
            throw error
        }
    }

    /// A failure here leaves nothing to go on with: it is told by the next statement, and by the transaction's end.
    private func savepoint(_ text: String) {
        guard ending == nil else { return }
        do throws(DatabaseError) {
            try handle.statement(text).run([:])
        } catch {
            ending = error
        }
    }

    /// Other programs see the file change by themselves.
    func notify() {}

    /// The rows that the last statement changed itself. The library keeps the count of the last INSERT, UPDATE or
    /// DELETE through statements of other kinds, which changed none.
    private func changes(since before: Int) -> Int {
        handle.totalChanges == before ? 0 : handle.changes
    }

    private func perform<Result>(
        _ text: String, writing: Bool, _ body: (PreparedStatement) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        guard writes || !writing else { throw Self.refusal(text) }
        let start = clock.now
        let result = try guarding { () throws(DatabaseError) in
            let prepared = try handle.statement(text)
            guard writes || prepared.readsOnly else { throw Self.refusal(text) }
            return try body(prepared)
        }
        let duration = clock.now - start
        if duration > slowest.duration { slowest = (text, duration) }
        return result
    }

    /// Refuses to go on once the transaction is gone, and notices when it goes.
    private func guarding<Result>(
        _ body: () throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        if let ending { throw ending }
        do {
            return try body()
        } catch {
            if handle.isAutocommit { ending = error }
            throw error
        }
    }

    private static func refusal(_ text: String) -> DatabaseError {
        DatabaseError(.readOnly, "a read transaction was asked to write: call write() for it", statement: text)
    }
}
