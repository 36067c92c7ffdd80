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
            let total = try connection.row(.both("SELECT COUNT(*) FROM \(source.definition.tableName.quoted)"))
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
        let (progress, locked) = try await database.write { connection in
            try Self.step(source, space, pageSize, on: connection)
        }
        try await database.enterLocked(locked, of: source)
        return progress
    }

    /// - Returns: beside the progress the rows of the page that a user's transaction has.
    private static func step(
        _ source: Source, _ space: Space, _ pageSize: Int, on connection: any Connection
    ) throws -> (Progress, locked: [Key]) {
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
        guard row.text(0) == "backfilling" else { return (Progress(done: done, total: total, isFinished: true), []) }
        let mode = Mode(rawValue: row.text(4)) ?? .missing
        let page = try page(after: row[1].text, source, limit: pageSize, wholeVectors: mode == .missing, on: connection)
        let locked = try takeIn(page, source, space, mode, on: connection)
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
        let progress = Progress(
            done: done + page.count, total: max(total, done + page.count), isFinished: isFinished)
        return (progress, locked)
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

    /// - Returns: the rows that a user's transaction has.
    private static func takeIn(
        _ page: [Row], _ source: Source, _ space: Space, _ mode: Mode, on connection: any Connection
    ) throws -> [Key] {
        let keys = page.map { Key(literal: $0.text(0)) }
        guard mode == .missing else { return try RowWish(source).want(keys, on: connection) }
        let template = try source.template
        // What is read before the rows are taken may be old by then.
        let texts = page.map { Array($0.values[3...]) }
        let standings = try SourceRows(source).take(keys, texts: texts, on: connection).get()
        let records = try Records.read(keys, of: source, on: connection)
        var sorting = Sorting()
        for (index, key) in keys.enumerated() {
            switch standings[index] {
            // Written since the source was attached: its vector may be of an older text, and the job sees to it.
            case _ where records.jobs[key] != nil: continue
            case .gone: continue
            case .locked: sorting.locked.append(key)
            case .changed: sorting.pending.append(key)
            case .same: sorting.add(key, page[index][2], try? template.render(texts[index]), records, space)
            }
        }
        return try sorting.apply(to: source, space, on: connection)
    }

    /// What is to become of a page's rows.
    private struct Sorting {
        var pending: [Key] = []
        var locked: [Key] = []
        var completed: [Key] = []
        /// Vectors that nobody has recorded yet.
        var brought: [EmbeddingStore.Entrance] = []

        mutating func add(_ key: Key, _ vector: Value, _ text: String?, _ records: Records, _ space: Space) {
            guard let vector = Backfill.usableVector(vector, space.dimension), let text else {
                pending.append(key)
                return
            }
            let hash = inputHash(text, space: space.id)
            if let known = records.embeddings[key] {
                if known.hash == .blob(hash), known.space == space.id {
                    completed.append(key)
                } else {
                    pending.append(key)
                }
                return
            }
            completed.append(key)
            brought.append(.init(key: key, vector: vector, hash: hash))
        }

        /// - Returns: the rows that a user's transaction has.
        func apply(to source: Source, _ space: Space, on connection: any Connection) throws -> [Key] {
            let others = try RowWish(source).want(pending, on: connection)
            try SourceRows(source).show("completed", completed, on: connection)
            try EmbeddingStore().publish(
                brought, space: space.id, source: source.id, embeddedAt: .takenIn, now: .now(), on: connection)
            return locked + others
        }
    }

    /// The vector made unit length, or nil where the column holds none of the right dimension, or only zeros.
    fileprivate static func usableVector(_ value: Value, _ dimension: Int) -> [Float]? {
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
