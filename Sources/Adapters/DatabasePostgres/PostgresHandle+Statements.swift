import CPostgres
import Core
import Glibc

/// A statement as this connection knows it.
final class PreparedStatement {
    /// Its name on the server; nil where it is sent whole each time.
    let name: String?
    let text: NumberedText
    /// The text as it was written, for errors and logs.
    let source: String
    /// Whether every column of its result is one that ``ResultReader`` knows in binary, which is faster to read.
    let isReadInBinary: Bool

    init(name: String?, text: NumberedText, source: String, isReadInBinary: Bool) {
        self.name = name
        self.text = text
        self.source = source
        self.isReadInBinary = isReadInBinary
    }
}

/// A statement with the values that it is run with.
struct Execution {
    let statement: PreparedStatement
    let parameters: Parameters
    /// Takes its answer, where anybody wants one.
    var onAnswer: ((borrowing Answer) -> Void)?
}

/// What a statement answered.
struct Answer: ~Copyable {
    let result: OpaquePointer

    deinit { PQclear(result) }

    /// Rows that an INSERT, UPDATE, DELETE or MERGE changed; 0 for statements of other kinds.
    var changedRows: Int {
        guard let status = PQcmdStatus(result).map({ String(cString: $0) }),
            ["INSERT", "UPDATE", "DELETE", "MERGE"].contains(where: status.hasPrefix)
        else { return 0 }
        return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    var rows: [Row] { ResultReader(result).rows() }

    /// The command as the server names it: `COMMIT`, `ROLLBACK` …
    var command: String { PQcmdStatus(result).map { String(cString: $0) } ?? "" }
}

extension PostgresHandle {
    /// Above this number of statements the cache starts anew; Millrace has a few hundred.
    private static let cachedStatements = 512

    // MARK: Sending

    /// Runs text with several statements, in one round trip; the answer of the last.
    @discardableResult
    func script(_ text: String, until deadline: ContinuousClock.Instant?) throws(DatabaseError) -> Answer {
        guard !text.utf8.contains(0) else { throw Self.cutShort(text) }
        guard PQsendQuery(connection, text) == 1 else { throw lost(text) }
        return try lastAnswer(text, until: deadline)
    }

    /// Runs one statement.
    func execute(
        _ statement: PreparedStatement, _ parameters: Parameters, until deadline: ContinuousClock.Instant?
    ) throws(DatabaseError) -> Answer {
        try buffer.fill(parameters, inOrderOf: statement.text.names, of: statement.source)
        guard send(statement) else { throw lost(statement.source) }
        return try lastAnswer(statement.source, until: deadline)
    }

    private func send(_ statement: PreparedStatement) -> Bool {
        let format: Int32 = statement.isReadInBinary ? 1 : 0
        let connection = connection
        return buffer.withPointers { count, values, lengths, formats in
            if let name = statement.name {
                PQsendQueryPrepared(connection, name, count, values, lengths, formats, format) == 1
            } else {
                PQsendQueryParams(connection, statement.text.text, count, nil, values, lengths, formats, format) == 1
            }
        }
    }

    /// Runs one statement once per element of `batch` in one round trip.
    ///
    /// - Returns: the rows that each changed. After the first that fails, which this throws, none is run.
    func executeMany(
        _ statement: PreparedStatement, _ batch: [Parameters], patience: Duration
    ) throws(DatabaseError) -> [Int] {
        var counts: [Int] = []
        counts.reserveCapacity(batch.count)
        for start in stride(from: 0, to: batch.count, by: Self.pipelined) {
            let part = batch[start..<min(start + Self.pipelined, batch.count)]
            let executions = part.map { parameters in Execution(statement: statement, parameters: parameters) }
            try pipeline(executions, until: .now + patience) { counts.append($0.changedRows) }
        }
        return counts
    }

    /// Runs statements in one round trip. After the first that fails, which this throws, none is run.
    func executeAll(_ executions: [Execution], patience: Duration) throws(DatabaseError) {
        try pipeline(executions, until: .now + patience)
    }

    /// Runs statements in one round trip, and gives what `read` makes of the answer of the last.
    func execute<Result>(
        _ last: Execution, after executions: [Execution], patience: Duration, _ read: (borrowing Answer) -> Result
    ) throws(DatabaseError) -> Result {
        var result: Result?
        var left = executions.count
        try pipeline(executions + [last], until: .now + patience) { answer in
            if left == 0 { result = read(answer) }
            left -= 1
        }
        guard let result else { preconditionFailure("a pipeline that did not fail answers every statement") }
        return result
    }

    /// Runs statements and commits in one round trip. Where one fails, which this throws, nothing is committed.
    ///
    /// - Returns: what the server did, `COMMIT` or `ROLLBACK`.
    func commit(after executions: [Execution], patience: Duration) throws(DatabaseError) -> String {
        guard !executions.isEmpty else { return try script("COMMIT", until: .now + patience).command }
        return try execute(unprepared("COMMIT"), after: executions, patience: patience) { $0.command }
    }

    /// A command without parameters that is sent whole.
    func unprepared(_ text: String) -> Execution {
        Execution(
            statement: PreparedStatement(name: nil, text: NumberedText(text), source: text, isReadInBinary: false),
            parameters: [:])
    }

    /// Executions that are sent ahead of their answers: what libpq buffers of either is bounded by it.
    static let pipelined = 500

    private func pipeline(
        _ executions: [Execution], until deadline: ContinuousClock.Instant,
        _ onAnswer: (borrowing Answer) -> Void = { _ in }
    ) throws(DatabaseError) {
        guard let last = executions.last?.statement.source else { return }
        guard PQenterPipelineMode(connection) == 1 else { throw lost(last) }
        defer { PQexitPipelineMode(connection) }
        var refused: DatabaseError?
        var sent = 0
        for execution in executions {
            let statement = execution.statement
            do throws(DatabaseError) {
                try buffer.fill(execution.parameters, inOrderOf: statement.text.names, of: statement.source)
            } catch {
                refused = error
                break
            }
            guard send(statement) else { throw lost(statement.source) }
            sent += 1
        }
        guard PQpipelineSync(connection) == 1 else { throw lost(last) }
        for execution in executions[..<sent] {
            do throws(DatabaseError) {
                let answer = try lastAnswer(execution.statement.source, until: deadline)
                execution.onAnswer?(answer)
                onAnswer(answer)
            } catch {
                guard isAlive else { throw error }
                refused = refused ?? error
            }
        }
        // The sync's own answer.
        if let result = try nextResult(last, until: deadline) { PQclear(result) }
        if let refused { throw refused }
    }

    // MARK: Receiving

    /// Takes the answers of one query to their end, and gives the last; the first failure among them is thrown.
    private func lastAnswer(
        _ statement: String, until deadline: ContinuousClock.Instant?
    ) throws(DatabaseError) -> Answer {
        var last: OpaquePointer?
        var refused: DatabaseError?
        while let result = try nextResult(statement, until: deadline) {
            if let last { PQclear(last) }
            last = result
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: break
            case PGRES_PIPELINE_ABORTED: refused = refused ?? Self.notRun(statement)
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                giveUp()
                refused = DatabaseError(
                    .other, "COPY is no statement for this call: use rows and INSERT", statement: statement)
            default: refused = refused ?? failure(result, statement: statement)
            }
            if refused != nil, !isAlive { break }
        }
        guard let last else { throw refused ?? lost(statement) }
        if let refused {
            PQclear(last)
            throw refused
        }
        return Answer(result: last)
    }

    /// What stands for a statement that was not run since one before it had failed; never seen by a caller.
    private static func notRun(_ statement: String) -> DatabaseError {
        DatabaseError(.other, "not run, since a statement before it failed", statement: statement)
    }

    /// The next result of the query, or nil at its end.
    private func nextResult(
        _ statement: String, until deadline: ContinuousClock.Instant?
    ) throws(DatabaseError) -> OpaquePointer? {
        while true {
            let unsent = PQflush(connection)
            if unsent == 0 && PQisBusy(connection) == 0 { return PQgetResult(connection) }
            // A lost connection has a last result that says why.
            if unsent < 0 && PQconsumeInput(connection) == 0 { return PQgetResult(connection) }
            let events = unsent == 1 ? POLLIN | POLLOUT : POLLIN
            guard waitForSocket(Int16(events), until: deadline) else {
                giveUp()
                throw DatabaseError(
                    .io, "\(place) did not answer in time: its connection is opened anew, try again",
                    statement: statement)
            }
            if PQconsumeInput(connection) == 0 { return PQgetResult(connection) }
        }
    }

    // MARK: Preparing

    /// The statement of this text, prepared once per connection.
    func statement(_ text: String, until deadline: ContinuousClock.Instant?) throws(DatabaseError) -> PreparedStatement
    {
        let key = StatementText(text)
        if let statement = statements[key] { return statement }
        guard !text.utf8.contains(0) else { throw Self.cutShort(text) }
        let numbered = NumberedText(text)
        guard preparesStatements, statements.count < Self.cachedStatements else {
            // Sent whole: another server connection may run it next, or the cache is emptied after this transaction.
            return PreparedStatement(name: nil, text: numbered, source: text, isReadInBinary: false)
        }
        statementCount += 1
        let name = "millrace_\(statementCount)"
        guard PQsendPrepare(connection, name, numbered.text, 0, nil) == 1 else { throw lost(text) }
        _ = try lastAnswer(text, until: deadline)
        guard PQsendDescribePrepared(connection, name) == 1 else { throw lost(text) }
        let columns = try lastAnswer(text, until: deadline)
        let types = (0..<PQnfields(columns.result)).map { PQftype(columns.result, $0) }
        let statement = PreparedStatement(
            name: name, text: numbered, source: text,
            isReadInBinary: !types.isEmpty && types.allSatisfy(TypeNumber.isReadInBinary))
        statements[key] = statement
        return statement
    }

    /// Empties a cache that has grown too large. Between transactions only: in one that has failed it would be refused.
    func makeRoomForStatements(until deadline: ContinuousClock.Instant?) throws(DatabaseError) {
        guard statements.count >= Self.cachedStatements else { return }
        try forgetStatements(until: deadline)
    }

    /// A zero byte would end the text for libpq, and what came before it would be run.
    private static func cutShort(_ text: String) -> DatabaseError {
        DatabaseError(
            .other, "a statement holds the character U+0000, which PostgreSQL has not in names or texts: take it out",
            statement: text)
    }
}

extension PostgresHandle {
    func isPrepared(_ text: String) -> Bool {
        statements[StatementText(text)] != nil
    }

    /// Whether it can be sent without a round trip of its own before.
    func isReady(_ text: String) -> Bool {
        isPrepared(text) || !preparesStatements || statements.count >= Self.cachedStatements
    }

    /// Forgets every prepared statement, here and on the server. Between transactions only.
    func forgetStatements(until deadline: ContinuousClock.Instant?) throws(DatabaseError) {
        statements.removeAll()
        try script("DEALLOCATE ALL", until: deadline)
    }
}
