/// One server's part in choosing which of several does the queue's upkeep.
///
/// The database holds the holder's name, the term and a beat. A holder is replaced when others have seen the same beat
/// for a whole lease on their own clocks, and each transaction of the leader's checks the term under a lock of the row:
/// a process that was paused and comes back finds a later term and does nothing. What leaders do is idempotent besides,
/// so the term saves work; safety does not rest on it.
package struct Leadership: Sendable {
    /// A term as the leader's transactions check it.
    package struct Term: Hashable, Sendable {
        let holder: String
        let number: Int64
    }

    /// Who this is: another name for every process that ever starts.
    private let holder: String
    private var observer: StalenessObserver<Int64>
    package private(set) var term: Term?

    package init(holder: String, lease: Duration, longestStep: Duration) {
        precondition(!holder.isEmpty, "a holder has a name")
        self.holder = holder
        observer = StalenessObserver(lease: lease, longestStep: longestStep)
    }

    /// Beats as the leader, or watches who is, and takes over where nobody is any more.
    ///
    /// - Parameter now: this process's monotonic clock.
    package mutating func look(on database: any Database, now: ContinuousClock.Instant) async throws {
        let (holder, held) = (holder, term)
        let seen = try await database.write { connection -> (term: Term?, beat: Int64, number: Int64) in
            if let held, try Self.beat(held, on: connection) { return (held, 0, held.number) }
            guard let row = try connection.row(Self.readSQL) else {
                throw DatabaseError(
                    .corrupt, "the row \"scheduler\" is missing from Millrace's table of leaders: restore the database")
            }
            let number = row.integer(0)
            guard row.text(1).isEmpty else { return (nil, row.integer(2), number) }
            return (try Self.take(number, beat: row.integer(2), for: holder, on: connection), 0, number)
        }
        term = seen.term
        guard term == nil else { return }
        guard observer.look(at: [seen.number: seen.beat], now: now) == [seen.number] else { return }
        term = try await database.write { connection in
            try Self.take(seen.number, beat: seen.beat, for: holder, on: connection)
        }
    }

    /// Says goodbye, so that another need not wait for the lease to end.
    package mutating func resign(on database: any Database) async throws {
        guard let held = term else { return }
        term = nil
        try await database.write { connection in
            try connection.run(Self.resignSQL, ["holder": .text(held.holder), "term": .integer(held.number)])
        }
    }

    /// Whether `term` is still the present one; it then stays so until the transaction ends.
    package static func stands(_ term: Term, on connection: any Connection) throws(DatabaseError) -> Bool {
        try connection.row(Self.standsSQL, ["holder": .text(term.holder), "term": .integer(term.number)]) != nil
    }

    private static func beat(_ term: Term, on connection: any Connection) throws(DatabaseError) -> Bool {
        try connection.run(Self.beatSQL, ["holder": .text(term.holder), "term": .integer(term.number)]) == 1
    }

    /// Begins the next term, unless somebody else has meanwhile.
    private static func take(
        _ number: Int64, beat: Int64, for holder: String, on connection: any Connection
    ) throws(DatabaseError) -> Term? {
        let taken = try connection.run(
            Self.takeSQL, ["holder": .text(holder), "term": .integer(number), "beat": .integer(beat)])
        return taken == 1 ? Term(holder: holder, number: number + 1) : nil
    }

    private static let readSQL = SQL.both("SELECT term, holder, beat FROM \(Table.leader) WHERE name = 'scheduler'")

    private static let beatSQL = SQL.both(
        "UPDATE \(Table.leader) SET beat = beat + 1 WHERE name = 'scheduler' AND holder = :holder AND term = :term")

    private static let takeSQL = SQL.both(
        """
        UPDATE \(Table.leader) SET holder = :holder, term = term + 1, beat = 0
        WHERE name = 'scheduler' AND term = :term AND beat = :beat
        """)

    private static let resignSQL = SQL.both(
        """
        UPDATE \(Table.leader) SET holder = '', beat = 0
        WHERE name = 'scheduler' AND holder = :holder AND term = :term
        """)

    private static let standsSQL = SQL(
        sqlite: "SELECT 1 FROM \(Table.leader) WHERE name = 'scheduler' AND holder = :holder AND term = :term",
        postgres: """
            SELECT 1 FROM \(Table.leader) WHERE name = 'scheduler' AND holder = :holder AND term = :term FOR SHARE
            """)
}
