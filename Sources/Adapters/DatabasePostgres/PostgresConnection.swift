import Core

/// The port's connection inside one transaction, on the thread that runs it.
final class PostgresConnection: Connection {
    private let handle: PostgresHandle
    private let options: PostgresDatabase.Options
    private let clock = ContinuousClock()
    /// The failure after which the server refuses every further statement of this transaction.
    private(set) var ending: DatabaseError?
    /// Whether other processes are to be told once the transaction has committed.
    private(set) var wantsNotify = false
    /// Whether the transaction met another in a way that another try may avoid.
    private(set) var hasConflict = false
    /// Whether a prepared statement no longer fits its tables, or is gone: the whole transaction must run again.
    private(set) var hasStaleStatement = false
    /// Statements that go with the next one, or with the commit.
    private var waiting: [Execution] = []
    /// How many attempts the transaction is inside of: what fails there must fail there.
    private var attempts = 0
    /// The statement that took longest.
    private(set) var slowest: (statement: String, duration: Duration) = ("", .zero)

    init(_ handle: PostgresHandle, _ options: PostgresDatabase.Options) {
        self.handle = handle
        self.options = options
    }

    var dialect: Dialect { .postgres }

    @discardableResult
    func run(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> Int {
        try perform(statement, parameters) { $0.changedRows }
    }

    @discardableResult
    func runMany(_ statement: SQL, _ batch: [Parameters]) throws(DatabaseError) -> [Int] {
        guard !batch.isEmpty else { return [] }
        let text = statement.text(for: .postgres)
        return try timing(text) { () throws(DatabaseError) in
            try guarding { () throws(DatabaseError) in
                try handle.executeMany(handle.statement(text, until: deadline), batch, patience: patience)
            }
        }
    }

    func runLater(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) {
        guard attempts == 0 else { return _ = try run(statement, parameters) }
        let prepared = try prepare(statement)
        try sendWaitingIfMany()
        waiting.append(Execution(statement: prepared, parameters: parameters))
    }

    func rowsLater(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> Late<[Row]> {
        guard attempts == 0 else {
            let rows = try rows(statement, parameters)
            return Late { rows }
        }
        final class Letter { var rows: [Row]? }
        let letter = Letter()
        let prepared = try prepare(statement)
        try sendWaitingIfMany()
        waiting.append(Execution(statement: prepared, parameters: parameters) { letter.rows = $0.rows })
        return Late { [self] () throws(DatabaseError) -> [Row] in
            if letter.rows == nil { try guarding { () throws(DatabaseError) in } }
            guard let rows = letter.rows else { preconditionFailure("an answer is taken inside its transaction") }
            return rows
        }
    }

    func runTogether(_ queries: [Query]) throws(DatabaseError) {
        // Preparing one takes round trips: all of them before any has run.
        var executions: [Execution] = []
        for query in queries {
            let answer = query.onAnswer.map { take in { (answer: borrowing Answer) in take(answer.rows) } }
            executions.append(
                Execution(statement: try prepare(query.statement), parameters: query.parameters, onAnswer: answer))
        }
        try sendWaitingIfMany()
        waiting += executions
        if attempts > 0 { try guarding { () throws(DatabaseError) in } }
    }

    private func prepare(_ statement: SQL) throws(DatabaseError) -> PreparedStatement {
        let text = statement.text(for: .postgres)
        // What waits may make the tables of this statement.
        return try guarding(sendsWaiting: !handle.isReady(text)) { () throws(DatabaseError) in
            try handle.statement(text, until: deadline)
        }
    }

    /// Commits, with what still waits. - Returns: what the server did, `COMMIT` or `ROLLBACK`.
    func commit() throws(DatabaseError) -> String {
        guard let last = waiting.last else { return try commitWithWaiting() }
        return try timing("COMMIT after \(last.statement.source)") { () throws(DatabaseError) in try commitWithWaiting()
        }
    }

    private func commitWithWaiting() throws(DatabaseError) -> String {
        try guarding(sendsWaiting: false) { () throws(DatabaseError) in
            defer { waiting = [] }
            return try handle.commit(after: waiting, patience: patience)
        }
    }

    func rows(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> [Row] {
        try perform(statement, parameters) { $0.rows }
    }

    func script(_ text: String) throws(DatabaseError) {
        try guarding { () throws(DatabaseError) in _ = try handle.script(text, until: deadline) }
    }

    /// By a savepoint; a second one inside the first has the same name and hides it until it ends.
    func attempt<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        savepoint("SAVEPOINT millrace_attempt")
        attempts += 1
        defer { attempts -= 1 }
        do {
            let result = try body()
            if attempts == 1 {
                waiting.append(handle.unprepared("RELEASE SAVEPOINT millrace_attempt"))
            } else {
                savepoint("RELEASE SAVEPOINT millrace_attempt")
            }
            return result
        } catch {
            if handle.isAlive {
                ending = nil
                savepoint("ROLLBACK TO SAVEPOINT millrace_attempt; RELEASE SAVEPOINT millrace_attempt")
            }
            throw error
        }
    }

    /// A failure here leaves nothing to go on with: it is told by the next statement, and by the transaction's end.
    private func savepoint(_ text: String) {
        guard ending == nil else { return }
        do throws(DatabaseError) {
            try sendWaiting()
            _ = try handle.script(text, until: deadline)
        } catch {
            ending = error
        }
    }

    func notify() {
        wantsNotify = true
    }

    private var patience: Duration {
        options.statementTimeout + options.answerPatience
    }

    private var deadline: ContinuousClock.Instant {
        clock.now + patience
    }

    /// Runs one statement, in one round trip with those that wait.
    private func perform<Result>(
        _ statement: SQL, _ parameters: Parameters, _ read: (borrowing Answer) -> Result
    ) throws(DatabaseError) -> Result {
        try timing(statement.text(for: .postgres)) { () throws(DatabaseError) in
            let prepared = try prepare(statement)
            return try guarding(sendsWaiting: false) { () throws(DatabaseError) in
                guard !waiting.isEmpty else {
                    return read(try handle.execute(prepared, parameters, until: deadline))
                }
                defer { waiting = [] }
                return try handle.execute(
                    Execution(statement: prepared, parameters: parameters), after: waiting, patience: patience, read)
            }
        }
    }

    private func timing<Result>(
        _ text: String, _ body: () throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        let start = clock.now
        let result = try body()
        let duration = clock.now - start
        if duration > slowest.duration { slowest = (text, duration) }
        return result
    }

    /// Refuses to go on once the transaction has failed, and notices when it does.
    private func guarding<Result>(
        sendsWaiting: Bool = true, _ body: () throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        if let ending { throw ending }
        handle.clearState()
        do {
            if sendsWaiting { try sendWaiting() }
            return try body()
        } catch {
            note(handle.lastState, error)
            if !handle.isInTransaction { ending = error }
            throw error
        }
    }

    private func sendWaitingIfMany() throws(DatabaseError) {
        guard waiting.count >= PostgresHandle.pipelined else { return }
        try guarding { () throws(DatabaseError) in }
    }

    /// Lets go of what waits, and of this connection in it: the transaction has ended.
    func forget() {
        waiting = []
    }

    private func sendWaiting() throws(DatabaseError) {
        guard !waiting.isEmpty else { return }
        defer { waiting = [] }
        try handle.executeAll(waiting, patience: patience)
    }

    private func note(_ state: SQLState?, _ error: DatabaseError) {
        guard let state else { return }
        if state.isConflict { hasConflict = true }
        // 0A000 is also said of what the server has not; only a prepared statement can be stale.
        if state == .noSuchStatement || (state == .planChanged && error.statement.map(handle.isPrepared) == true) {
            hasStaleStatement = true
        }
    }
}
