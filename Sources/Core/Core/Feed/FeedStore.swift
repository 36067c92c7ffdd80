/// What became visible, in order. An entry names an item; who follows reads the item's present embedding.
package struct FeedStore: Sendable {
    package init() {}

    package struct Entry: Hashable, Sendable {
        package let position: Int64
        package let source: SourceID
        package let item: Int64
    }

    /// What a follower gets for its position.
    package enum Reading: Sendable {
        /// Entries after the position, oldest first, at most as many as asked for.
        case entries([Entry])
        /// Entries after the position have been pruned: rebuild from the embeddings.
        case tooOld(floor: Int64)
    }

    /// Appends an entry per item, in the transaction that changes the items. On PostgreSQL the entries have no position
    /// before ``sequence(limit:on:)`` has given them one.
    package func append(
        _ items: [Int64], of source: SourceID, now: Timestamp, on connection: any Connection
    ) throws(DatabaseError) {
        guard !items.isEmpty else { return }
        switch connection.dialect {
        case .sqlite:
            try connection.runMany(
                SQL(sqlite: "INSERT INTO \(Table.feed)(source_id, item_id, at) VALUES (:source, :item, :now)"),
                items.map { ["source": Value(source), "item": .integer($0), "now": Value(now)] })
        case .postgres:
            try connection.runLater(
                SQL(
                    postgres: """
                        INSERT INTO \(Table.feedIn)(source_id, item_id, at)
                        SELECT :source::bigint, item, :now::bigint FROM unnest(:items::bigint[]) AS item
                        """), ["source": Value(source), "now": Value(now), "items": .array(items)])
        }
        connection.notify()
    }

    /// Gives positions to entries that have become visible: the order of positions is the order of visibility, which no
    /// number drawn before a commit can be. One server at a time does it; whoever finds it being done does nothing.
    ///
    /// PostgreSQL alone: SQLite's transactions are in order already.
    ///
    /// - Returns: how many entries got a position; `limit` where there may be more.
    package func sequence(limit: Int, on connection: any Connection) throws(DatabaseError) -> Int {
        guard connection.dialect == .postgres else { return 0 }
        let isMine = try connection.row(
            SQL(postgres: "SELECT pg_try_advisory_xact_lock(:lock::bigint)"),
            ["lock": .integer(AdvisoryLock.sequencer.rawValue)])
        guard isMine?.integer(0) == 1 else { return 0 }
        let count = try connection.run(Self.sequenceSQL, ["limit": Value(limit)])
        if count > 0 { connection.notify() }
        return count
    }

    private static let sequenceSQL = SQL(
        postgres: """
            WITH visible AS (
                DELETE FROM \(Table.feedIn)
                WHERE id IN (SELECT id FROM \(Table.feedIn) ORDER BY id LIMIT :limit)
                RETURNING id, source_id, item_id, at)
            INSERT INTO \(Table.feed)(source_id, item_id, at)
            SELECT source_id, item_id, at FROM visible ORDER BY id
            """)

    /// The newest position, 0 where nothing has ever happened.
    package func head(on connection: any Connection) throws(DatabaseError) -> Int64 {
        let newest = try connection.row(.both("SELECT COALESCE(MAX(seq), 0) FROM \(Table.feed)"))?.integer(0) ?? 0
        return max(newest, try floor(on: connection))
    }

    /// Reads on from `position`. Floor and entries are of one transaction.
    package func read(
        after position: Int64, limit: Int, on connection: any Connection
    ) throws(DatabaseError) -> Reading {
        let floor = try floor(on: connection)
        guard position >= floor else { return .tooOld(floor: floor) }
        let rows = try connection.rows(
            .both(
                "SELECT seq, source_id, item_id FROM \(Table.feed) WHERE seq > :position ORDER BY seq LIMIT :limit"),
            ["position": .integer(position), "limit": Value(limit)])
        return .entries(rows.map { Entry(position: $0.integer(0), source: $0.id(1), item: $0.integer(2)) })
    }

    /// Positions up to and including the floor are gone.
    package func floor(on connection: any Connection) throws(DatabaseError) -> Int64 {
        try connection.row(.both("SELECT CAST(value AS BIGINT) FROM \(Table.meta) WHERE name = 'feed_floor'"))?
            .integer(0) ?? 0
    }

    /// Writes down how far a follower has come, so that pruning waits for it.
    package func follow(
        _ name: String, at position: Int64, now: Timestamp, on connection: any Connection
    ) throws(DatabaseError) {
        try connection.run(
            .both(
                """
                INSERT INTO \(Table.follower)(name, position, seen_at) VALUES (:name, :position, :now)
                ON CONFLICT (name) DO UPDATE SET position = excluded.position, seen_at = excluded.seen_at
                """), ["name": .text(name), "position": .integer(position), "now": Value(now)])
    }

    /// Removes what every live follower has read, oldest first, and what is beyond the caps whoever may want it.
    ///
    /// - Parameters:
    ///   - followersSeenSince: a follower not seen since then no longer holds anything up.
    ///   - rows: entries kept at most, even if a live follower is behind; it will rebuild.
    ///   - newerThan: older entries are not kept either.
    ///   - limit: entries removed at most, so that the transaction is short.
    package func prune(
        followersSeenSince moment: Timestamp, rows: Int64, newerThan age: Timestamp, limit: Int64,
        on connection: any Connection
    ) throws(DatabaseError) -> Int {
        let slowest = try connection.row(
            .both("SELECT MIN(position) FROM \(Table.follower) WHERE seen_at >= :moment"), ["moment": Value(moment)])?[
                0
            ].integer
        let head = try head(on: connection)
        let floor = try floor(on: connection)
        // Never past the head, whatever a follower claims: entries to come would be taken for pruned ones.
        let aged = try connection.row(Self.agedSQL, ["moment": Value(age), "limit": .integer(limit)])?[0].integer
        let wanted = min(max(slowest ?? head, head - rows, aged ?? 0), head)
        let newFloor = min(wanted, floor + limit)
        guard newFloor > floor else { return 0 }
        try connection.run(
            .both("UPDATE \(Table.meta) SET value = CAST(:floor AS TEXT) WHERE name = 'feed_floor'"),
            ["floor": .integer(newFloor)])
        return try connection.run(
            .both("DELETE FROM \(Table.feed) WHERE seq <= :floor"), ["floor": .integer(newFloor)])
    }

    /// The newest of the oldest entries that is too old. Reads no more of them than are removed at once.
    private static let agedSQL = SQL.both(
        """
        SELECT MAX(seq) FROM (SELECT seq, at FROM \(Table.feed) ORDER BY seq LIMIT :limit) AS oldest
        WHERE at < :moment
        """)
}
