package import Core
package import Embedding

/// Takes in the rows that were there before the source: in pages by key, each a short transaction, resumable where it
/// stopped, while the triggers already watch what is written meanwhile.
package struct Backfill: Sendable {
    package enum Mode: String, Sendable, CaseIterable {
        /// Rows that hold a vector of the right dimension, not all zeros, are completed; the others are embedded.
        case missing
        /// Every row is embedded.
        case all
    }

    package struct Progress: Hashable, Sendable {
        package var done: Int
        package var total: Int
        package var isFinished: Bool
    }

    private let database: any Database
    private let source: Source
    private let space: Space
    /// Rows per transaction: few enough that a user's program never waits long.
    private let pageSize: Int

    package init(database: any Database, source: Source, space: Space, pageSize: Int = 500) {
        self.database = database
        self.source = source
        self.space = space
        self.pageSize = pageSize
    }

    /// Begins (again) from the first row.
    package func start(_ mode: Mode) async throws {
        let source = source
        try await database.write { connection in
            let total = try connection.row(.both("SELECT COUNT(*) FROM \(Identifier(source.definition.table))"))
            try connection.run(
                .both(
                    """
                    UPDATE \(Table.source) SET
                        state = 'backfilling', backfill_mode = :mode, backfill_after = NULL, backfill_done = 0,
                        backfill_total = :total
                    WHERE id = :id
                    """), ["id": Value(source.id), "mode": .text(mode.rawValue), "total": total?[0] ?? 0])
        }
    }

    /// Takes in the next page.
    package func step() async throws -> Progress {
        let (source, space, pageSize) = (source, space, pageSize)
        return try await database.write { connection in
            guard
                let row = try connection.row(
                    .both(
                        """
                        SELECT state, backfill_after, backfill_done, backfill_total, backfill_mode
                        FROM \(Table.source) WHERE id = :id
                        """), ["id": Value(source.id)])
            else {
                throw SourceError(.unknownSource, "source \"\(source.collection)\" was removed during its backfill")
            }
            let (done, total) = (Int(row.integer(2)), Int(row.integer(3)))
            guard row.text(0) == "backfilling" else { return Progress(done: done, total: total, isFinished: true) }
            let mode = Mode(rawValue: row.text(4)) ?? .missing
            let page = try Self.page(
                after: row[1].text, source, limit: pageSize, wholeVectors: mode == .missing, on: connection)
            try Self.takeIn(page, source, space, mode, on: connection)
            let isFinished = page.count < pageSize
            try connection.run(
                .both(
                    """
                    UPDATE \(Table.source) SET
                        state = :state, backfill_after = COALESCE(:after, backfill_after),
                        backfill_done = backfill_done + :count
                    WHERE id = :id
                    """),
                [
                    "id": Value(source.id), "state": isFinished ? "active" : "backfilling",
                    "after": page.last?[0] ?? .null, "count": Value(page.count),
                ])
            return Progress(done: done + page.count, total: max(total, done + page.count), isFinished: isFinished)
        }
    }

    /// A page of rows in key order: stored key, status, vector or its presence, text columns.
    static func page(
        after key: String?, _ source: Source, limit: Int, wholeVectors: Bool, on connection: any Connection
    ) throws -> [Row] {
        let statements = RowStatements(source)
        var parameters: Parameters = [:]
        if let key {
            guard let found = statements.parameters(for: Key(literal: key)) else {
                throw SourceError(.damaged, "source \"\(source.collection)\" stopped at a key that is none: \(key)")
            }
            parameters = found
        }
        parameters["limit"] = Value(limit)
        return try connection.rows(statements.page(isFirst: key == nil, wholeVectors: wholeVectors), parameters)
    }

    private static func takeIn(
        _ page: [Row], _ source: Source, _ space: Space, _ mode: Mode, on connection: any Connection
    ) throws {
        let template = try source.template
        var pending: [Key] = []
        var completed: [Key] = []
        var items: [Int64] = []
        let now = Timestamp.now()
        for row in page {
            let key = Key(literal: row.text(0))
            guard mode == .missing else {
                pending.append(key)
                continue
            }
            // Written since the source was attached: its vector may be of an older text, and the job sees to it.
            guard try !hasJob(key, source, on: connection) else { continue }
            guard let vector = Self.usableVector(row[2], space.dimension),
                let text = try? template.render(Array(row.values[3...]))
            else {
                pending.append(key)
                continue
            }
            let hash = inputHash(text, space: space.id)
            if let known = try recorded(key, source, on: connection) {
                if known.hash == .blob(hash), known.space == space.id {
                    completed.append(key)
                } else {
                    pending.append(key)
                }
                continue
            }
            completed.append(key)
            items.append(
                try EmbeddingStore().put(
                    vector, hash: hash, space: space.id, key: key, source: source.id, now: .takenIn, on: connection))
        }
        try RowWish(source).want(pending, on: connection)
        try unseenByTriggers(on: connection) { try RowWish(source).show("completed", completed, on: connection) }
        try FeedStore().append(items, of: source.id, now: now, on: connection)
    }

    private static func hasJob(
        _ key: Key, _ source: Source, on connection: any Connection
    ) throws(DatabaseError) -> Bool {
        try connection.row(
            .both("SELECT 1 FROM \(Table.job) WHERE source_id = :source AND key = :key"),
            ["source": Value(source.id), "key": .text(key.literal)]) != nil
    }

    private static func recorded(
        _ key: Key, _ source: Source, on connection: any Connection
    ) throws(DatabaseError) -> (hash: Value, space: String)? {
        try connection.row(
            .both("SELECT input_hash, space FROM \(Table.embedding) WHERE source_id = :source AND key = :key"),
            ["source": Value(source.id), "key": .text(key.literal)]
        ).map { ($0[0], $0.text(1)) }
    }

    /// The vector made unit length, or nil where the column holds none of the right dimension, or only zeros.
    private static func usableVector(_ value: Value, _ dimension: Int) -> [Float]? {
        guard let vector = VectorFormat.vector(in: value, dimension: dimension) else { return nil }
        let norm = vector.reduce(into: 0.0) { $0 += Double($1) * Double($1) }.squareRoot()
        guard norm > 0 else { return nil }
        return vector.map { Float(Double($0) / norm) }
    }
}

extension Timestamp {
    /// The moment written beside a vector that the user brought: nobody here knows what it was made from, so it serves
    /// its own row and is never copied to another of equal text.
    package static let takenIn = Timestamp(microseconds: 0)
}

/// Wishes for rows in Millrace's own name: a job each and the status to match, unseen by the triggers.
struct RowWish: Sendable {
    private let source: Source
    private let statements: RowStatements

    init(_ source: Source) {
        self.source = source
        statements = RowStatements(source)
    }

    func want(_ keys: [Key], on connection: any Connection) throws {
        guard !keys.isEmpty else { return }
        try connection.runMany(
            Self.wantSQL, keys.map { ["source": Value(source.id), "key": .text($0.literal)] })
        try unseenByTriggers(on: connection) { try show("pending", keys, on: connection) }
    }

    func show(_ status: String, _ keys: [Key], on connection: any Connection) throws(DatabaseError) {
        try connection.runMany(
            statements.setStatus,
            keys.compactMap { key in statements.parameters(for: key)?.adding("status", .text(status)) })
    }

    private static let wantSQL = SQL.both(
        """
        INSERT INTO \(Table.job)(source_id, key) VALUES (:source, :key)
        ON CONFLICT (source_id, key) DO UPDATE SET
            wanted_rev = wanted_rev + 1, attempt = 0, crashes = 0, alone_crashes = 0, run_at = NULL,
            state = CASE state WHEN 'running' THEN 'running' ELSE 'available' END
        """)
}
