/// The port through which everything reads and writes: transactions over typed rows.
///
/// A transaction is short, without exception: none is open while a model, a decoder, a network call or a user's
/// callback runs. The closures are synchronous for that reason.
package protocol Database: Sendable {
    var dialect: Dialect { get }

    /// Runs `body` in one read transaction: every statement in it sees the same state.
    ///
    /// Readers run in parallel with each other and with the writer. Keep each under a second; page by key.
    func read<Result: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> Result) async throws -> Result

    /// Runs `body` in one write transaction that is committed when this returns, and undone if `body` throws.
    ///
    /// Writes of one process that arrive together share a commit on SQLite; each still succeeds or fails alone. `body`
    /// may run more than once (a shared commit failed, a deadlock chose it), so it must have no effect outside the
    /// database.
    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> Result) async throws -> Result

    /// Runs one statement outside transactions, for those that refuse to be in one (`CREATE INDEX CONCURRENTLY`,
    /// `VACUUM`), and without a limit on its time. On SQLite it is a write transaction of its own.
    func runAlone(_ statement: String) async throws

    /// A number that changes whenever any other program may have committed something; cheap enough to look at
    /// hundreds of times a second. It tells that something changed, not what.
    ///
    /// PostgreSQL tells of what ``Connection/notify()`` was called for alone: a user's bare write moves it only when
    /// somebody has looked and said so.
    func changeMark() async throws -> Int64

    /// Ends all connections; calls that come after fail with ``DatabaseError/Code/closed``.
    func close() async
}

/// A connection inside a transaction. It must not leave the closure that received it.
package protocol Connection {
    var dialect: Dialect { get }

    /// Runs one statement and returns the number of rows it changed (those that triggers changed not counted).
    @discardableResult
    func run(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> Int

    /// Runs one prepared statement once per element of `batch`, in one round trip where the database has such.
    ///
    /// - Returns: the number of rows that each run changed; as many as `batch` has elements.
    @discardableResult
    func runMany(_ statement: SQL, _ batch: [Parameters]) throws(DatabaseError) -> [Int]

    /// Runs a statement that changes rows of whose number nobody needs to know: together with what comes next, a
    /// statement or the commit, where that saves a round trip. What it fails with is thrown then.
    func runLater(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError)

    /// All rows of the result. The caller bounds it by LIMIT.
    func rows(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> [Row]

    /// Asks for rows together with what comes next, as ``runLater(_:_:)`` does.
    func rowsLater(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> Late<[Row]>

    /// Runs statements one after another, in one round trip with whatever comes next, the commit included: once the first
    /// of them has run, nothing waits for this process before the last one has.
    func runTogether(_ queries: [Query]) throws(DatabaseError)

    /// Runs text with several statements and no parameters: DDL and triggers.
    func script(_ text: String) throws(DatabaseError)

    /// Runs `body` so that nothing of it is left when it throws, and the transaction goes on as if it had not been.
    ///
    /// Whoever catches a ``DatabaseError`` inside a transaction and goes on needs this: after a failed statement
    /// PostgreSQL refuses all others. Costs a short round trip there, and another where it throws.
    func attempt<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result

    /// Once this transaction has committed, moves the change mark of every process on the database. Many calls of a few
    /// milliseconds become one message, which is no part of any transaction. SQLite needs none: its mark moves by itself.
    func notify()
}

/// A statement with its values, to be run together with others.
package struct Query {
    package let statement: SQL
    package let parameters: Parameters
    /// Gets its rows, where anybody wants them, at the latest by when the transaction returns. They stand if that succeeds.
    package let onAnswer: (([Row]) -> Void)?

    package init(_ statement: SQL, _ parameters: Parameters = [:], onAnswer: (([Row]) -> Void)? = nil) {
        self.statement = statement
        self.parameters = parameters
        self.onAnswer = onAnswer
    }
}

extension Connection {
    @discardableResult
    package func run(_ statement: SQL) throws(DatabaseError) -> Int {
        try run(statement, [:])
    }

    package func runLater(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) {
        try run(statement, parameters)
    }

    package func rowsLater(_ statement: SQL, _ parameters: Parameters) throws(DatabaseError) -> Late<[Row]> {
        let rows = try rows(statement, parameters)
        return Late { rows }
    }

    package func runTogether(_ queries: [Query]) throws(DatabaseError) {
        for query in queries {
            let rows = try rows(query.statement, query.parameters)
            query.onAnswer?(rows)
        }
    }

    package func rows(_ statement: SQL) throws(DatabaseError) -> [Row] {
        try rows(statement, [:])
    }

    /// The first row, or nil where the result is empty.
    package func row(_ statement: SQL, _ parameters: Parameters = [:]) throws(DatabaseError) -> Row? {
        try rows(statement, parameters).first
    }
}
