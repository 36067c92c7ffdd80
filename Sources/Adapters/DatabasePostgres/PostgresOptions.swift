import Core

extension PostgresDatabase {
    /// How a server is used. The defaults are those of the product; tests and the benchmark turn them.
    package struct Options: Sendable {
        /// Connections that read, and connections that write, each on a thread of its own and opened when first needed:
        /// as many transactions run in parallel.
        package var readers = 4
        package var writers = 4
        /// Whether statements are prepared once per connection. False behind a pooler that gives each transaction
        /// another connection (PgBouncer in transaction mode, before 1.21): then nothing is kept on a connection
        /// between transactions, neither statements nor settings.
        package var preparesStatements = true
        /// Whether a connection of its own hears of what other processes committed. Behind a transaction-mode pooler
        /// only ``listenURL`` can.
        package var listens = true
        /// The server itself, past the pooler: for listening alone.
        package var listenURL: String?
        /// What the server's own tables of activity show.
        package var applicationName = "millrace"
        /// Ends a statement that takes longer.
        package var statementTimeout = Duration.seconds(60)
        /// Ends a statement that waits longer for a lock.
        package var lockTimeout = Duration.seconds(10)
        /// Ends a connection whose transaction stands still for longer: a stopped process holds nothing for good.
        package var idleInTransactionTimeout = Duration.seconds(10)
        /// How long each server named in the URL may take to answer, unless the URL says `connect_timeout`.
        package var connectTimeout = Duration.seconds(10)
        /// How long after a statement's own limit its answer is waited for before the connection is given up.
        package var answerPatience = Duration.seconds(15)
        /// Calls of ``Connection/notify()`` within this time are sent as one.
        package var notifyInterval = Duration.milliseconds(5)
        /// A connection that nobody needed for this long is closed.
        package var idleConnection = Duration.seconds(300)
        /// How often a transaction that lost a deadlock, or met another in a way that cannot be put in order, runs again.
        package var conflictRetries = 5
        /// A transaction that took longer is logged as a warning.
        package var slowTransaction = Duration.seconds(1)

        package init() {}
    }
}

/// What is set for each of our connections or transactions, whatever the server's, the database's and the role's own
/// defaults are.
struct ServerSettings: Sendable {
    private let pairs: [(name: String, value: String)]

    init(_ options: PostgresDatabase.Options) {
        pairs = [
            ("statement_timeout", Self.milliseconds(options.statementTimeout)),
            ("lock_timeout", Self.milliseconds(options.lockTimeout)),
            ("idle_in_transaction_session_timeout", Self.milliseconds(options.idleInTransactionTimeout)),
            ("standard_conforming_strings", "on"), ("bytea_output", "hex"),
            // The text of a key or of a column must be the same in every process.
            ("DateStyle", "ISO,YMD"), ("IntervalStyle", "postgres"), ("extra_float_digits", "1"),
            // Statements find their rows by keys. One that was planned while its table was small must not go on reading
            // all of it when it has grown; where there is no index, all of it is read all the same. What that adds to a
            // plan's cost would have each such plan compiled, which takes longer than to run it.
            ("enable_seqscan", "off"), ("jit", "off"),
        ]
    }

    private static func milliseconds(_ duration: Duration) -> String {
        String(duration.microseconds / 1000)
    }

    /// Set for each transaction and not for the connection, whose own setting thereby stays what the database gives to
    /// those who name none: a source's `timestamp` column is written in that zone.
    static let timeZone = "; SET LOCAL TimeZone = 'UTC'"

    /// As the start-up option `options`, which PgBouncer 1.18 refuses.
    var startUp: String {
        pairs.map { "-c \($0.name)=\($0.value)" }.joined(separator: " ")
    }

    /// As statements that end with the transaction.
    var local: String {
        pairs.map { "; SET LOCAL \($0.name) = '\($0.value)'" }.joined() + Self.timeZone
    }
}
