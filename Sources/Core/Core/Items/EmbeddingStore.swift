/// The present embeddings in Millrace's own table.
package struct EmbeddingStore: Sendable {
    package init() {}

    /// Writes the item's present vector (unit length). - Returns: the item's number, the same for the item's whole life.
    package func put(
        _ vector: [Float], hash: [UInt8], space: String, key: Key, source: SourceID, now: Timestamp,
        on connection: any Connection
    ) throws(DatabaseError) -> Int64 {
        let row = try connection.row(
            Self.putSQL,
            [
                "source": Value(source), "key": .text(key.literal), "space": .text(space), "hash": .blob(hash),
                "vector": .blob(vector.littleEndianBytes), "now": Value(now),
            ])
        guard let row else { preconditionFailure("INSERT … RETURNING gave no row") }
        return row.integer(0)
    }

    private static let putSQL = SQL.both(
        """
        INSERT INTO \(Table.embedding)(source_id, key, space, input_hash, vector, embedded_at)
        VALUES (:source, :key, :space, :hash, :vector, :now)
        ON CONFLICT (source_id, key) DO UPDATE SET
            space = excluded.space, input_hash = excluded.input_hash, vector = excluded.vector,
            embedded_at = excluded.embedded_at
        RETURNING id
        """)

    /// One present vector to be written.
    package struct Entrance: Sendable {
        package let key: Key
        /// Unit length.
        package let vector: [Float]
        package let hash: [UInt8]

        package init(key: Key, vector: [Float], hash: [UInt8]) {
            self.key = key
            self.vector = vector
            self.hash = hash
        }
    }

    /// Writes many items' present vectors, each key once, and an entry of the feed for each.
    ///
    /// - Parameter embeddedAt: when they were made, if not now.
    package func publish(
        _ entrances: [Entrance], space: String, source: SourceID, embeddedAt: Timestamp? = nil, now: Timestamp,
        on connection: any Connection
    ) throws(DatabaseError) {
        guard !entrances.isEmpty else { return }
        switch connection.dialect {
        case .sqlite:
            var items: [Int64] = []
            for entrance in entrances {
                items.append(
                    try put(
                        entrance.vector, hash: entrance.hash, space: space, key: entrance.key, source: source,
                        now: embeddedAt ?? now, on: connection))
            }
            try FeedStore().append(items, of: source, now: now, on: connection)
        case .postgres:
            try connection.runLater(
                Self.publishSQL,
                Self.parameters(entrances, space: space, source: source, embeddedAt: embeddedAt ?? now, now: now)
                    .adding("hashes", .array(entrances.map(\.hash)))
                    .adding("vectors", .array(entrances.map(\.vector.littleEndianBytes))))
            connection.notify()
        }
    }

    private static func parameters(
        _ entrances: [Entrance], space: String, source: SourceID, embeddedAt: Timestamp, now: Timestamp
    ) -> Parameters {
        [
            "source": Value(source), "space": .text(space), "embedded_at": Value(embeddedAt), "now": Value(now),
            "keys": TextArray(entrances.map(\.key.literal)).value,
        ]
    }

    private static let publishSQL = publishSQL(
        hashes: ":hashes", vectors: ":vectors", where: "true")

    private static func publishSQL(hashes: SQLText, vectors: SQLText, where condition: SQLText) -> SQL {
        SQL(
            postgres: """
                WITH entered AS (
                    INSERT INTO \(Table.embedding)(source_id, key, space, input_hash, vector, embedded_at)
                    SELECT :source::bigint, key, :space, hash, vector, :embedded_at::bigint
                    FROM unnest(:keys::text[], \(hashes)::bytea[], \(vectors)::bytea[])
                        WITH ORDINALITY AS entrance(key, hash, vector, place)
                    WHERE \(condition)
                    ORDER BY key
                    ON CONFLICT (source_id, key) DO UPDATE SET
                        space = excluded.space, input_hash = excluded.input_hash, vector = excluded.vector,
                        embedded_at = excluded.embedded_at
                    RETURNING id)
                INSERT INTO \(Table.feedIn)(source_id, item_id, at)
                SELECT :source::bigint, id, :now::bigint FROM entered
                """)
    }

    // MARK: Publishing in one round trip, on PostgreSQL

    private static let (hashes, vectors) = (ServerNote("hashes"), ServerNote("vectors"))

    /// Brings hashes and vectors to the server, for ``publishing(_:among:space:source:now:)``.
    package func noting(_ entrances: [Entrance]) -> Query {
        Query(
            SQL(postgres: "SELECT \(Self.hashes.write(":hashes")), \(Self.vectors.write(":vectors"))"),
            [
                "hashes": .array(entrances.map(\.hash)),
                "vectors": .array(entrances.map(\.vector.littleEndianBytes)),
            ])
    }

    /// Is ``publish(_:space:source:embeddedAt:now:on:)`` of the entrances at the noted places.
    ///
    /// - Precondition: ``noting(_:)`` has run in this transaction, with the same entrances.
    package func publishing(
        _ entrances: [Entrance], among places: ServerNote, space: String, source: SourceID, now: Timestamp
    ) -> Query {
        Query(
            Self.publishSQL(
                hashes: Self.hashes.text, vectors: Self.vectors.text, where: "place = ANY (\(places.places))"),
            Self.parameters(entrances, space: space, source: source, embeddedAt: now, now: now))
    }

    /// Removes the item's embedding. - Returns: the item's number, if there was one, for the feed.
    package func remove(
        _ key: Key, source: SourceID, on connection: any Connection
    ) throws(DatabaseError) -> [Int64] {
        try connection.rows(
            .both("DELETE FROM \(Table.embedding) WHERE source_id = :source AND key = :key RETURNING id"),
            ["source": Value(source), "key": .text(key.literal)]
        ).map { $0.integer(0) }
    }

    /// One present embedding.
    package struct Entry: Sendable {
        package let item: Int64
        package let source: SourceID
        package let space: String
        package let vector: [Float]
    }

    /// The embeddings of these items; an item without one is missing from the answer.
    package func entries(_ items: [Int64], on connection: any Connection) throws(DatabaseError) -> [Entry] {
        if connection.dialect == .postgres {
            return try connection.rows(
                SQL(
                    postgres:
                        "SELECT id, source_id, space, vector FROM \(Table.embedding) WHERE id = ANY (:ids::bigint[])"),
                ["ids": .array(items)]
            ).map(Self.entry)
        }
        var entries: [Entry] = []
        for item in items {
            let row = try connection.row(
                .both("SELECT id, source_id, space, vector FROM \(Table.embedding) WHERE id = :id"),
                ["id": .integer(item)])
            if let row { entries.append(Self.entry(row)) }
        }
        return entries
    }

    /// A page of all embeddings by item number, for a rebuild.
    package func page(after item: Int64, limit: Int, on connection: any Connection) throws(DatabaseError) -> [Entry] {
        try connection.rows(
            .both(
                "SELECT id, source_id, space, vector FROM \(Table.embedding) WHERE id > :item ORDER BY id LIMIT :limit"),
            ["item": .integer(item), "limit": Value(limit)]
        ).map(Self.entry)
    }

    private static func entry(_ row: Row) -> Entry {
        Entry(
            item: row.integer(0), source: row.id(1), space: row.text(2),
            vector: [Float](littleEndianBytes: row[3].blob ?? []))
    }

    /// The keys of items, for showing search results; items that are gone are missing.
    package func keys(
        of items: [Int64], on connection: any Connection
    ) throws(DatabaseError) -> [Int64: (source: SourceID, key: Key)] {
        var keys: [Int64: (SourceID, Key)] = [:]
        if connection.dialect == .postgres {
            let rows = try connection.rows(
                SQL(postgres: "SELECT id, source_id, key FROM \(Table.embedding) WHERE id = ANY (:ids::bigint[])"),
                ["ids": .array(items)])
            for row in rows { keys[row.integer(0)] = (row.id(1), Key(literal: row.text(2))) }
            return keys
        }
        for item in items {
            let row = try connection.row(
                .both("SELECT source_id, key FROM \(Table.embedding) WHERE id = :id"), ["id": .integer(item)])
            if let row { keys[item] = (row.id(0), Key(literal: row.text(1))) }
        }
        return keys
    }
}
