/// Millrace's own tables. They stand apart from the user's: by the prefix `millrace_` on SQLite, in the schema
/// `millrace` on PostgreSQL.
///
/// Statements name a table by interpolating a constant, so no text is ever rewritten.
package struct Table: Hashable, Sendable {
    private let base: String

    package static let meta = Table(base: "meta")
    package static let migration = Table(base: "migration")
    /// SQLite alone: PostgreSQL has sequences.
    package static let counter = Table(base: "counter")
    /// SQLite alone: PostgreSQL has a setting local to the transaction in its place.
    package static let guardRow = Table(base: "guard")
    package static let source = Table(base: "source")
    package static let job = Table(base: "job")
    package static let deadJob = Table(base: "job_dead")
    package static let worker = Table(base: "worker")
    package static let modelLimit = Table(base: "model_limit")
    package static let leader = Table(base: "leader")
    package static let embedding = Table(base: "embedding")
    package static let feed = Table(base: "feed")
    /// PostgreSQL alone: entries that have not been put in order yet.
    package static let feedIn = Table(base: "feed_in")
    package static let follower = Table(base: "follower")

    /// The name as it is written into that database's statements.
    package func name(in dialect: Dialect) -> String {
        switch dialect {
        case .sqlite: "millrace_\(base)"
        case .postgres: "millrace.\(base)"
        }
    }
}

/// The numbers of Millrace's advisory locks on PostgreSQL: "mlrc" and a count, so that another program's are unlikely to
/// be the same.
package enum AdvisoryLock: Int64, Sendable {
    case migration = 0x6D6C_7263_0001
    case sequencer = 0x6D6C_7263_0002
}
