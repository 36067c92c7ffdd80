import Core

/// Wishes for rows in Millrace's own name: a job each and the status to match, unseen by the triggers.
struct RowWish: Sendable {
    private let source: Source
    private let rows: SourceRows

    init(_ source: Source) {
        self.source = source
        rows = SourceRows(source)
    }

    /// Wants these rows to be embedded.
    ///
    /// - Returns: those that a user's transaction has, which were left as they are: that transaction may be about to wish
    ///   for them itself, and who entered a job for them now would wait for it. None on SQLite.
    func want(_ keys: [Key], on connection: any Connection) throws -> [Key] {
        guard !keys.isEmpty else { return [] }
        guard connection.dialect == .postgres else {
            try enter(keys, on: connection)
            try rows.show("pending", keys, on: connection)
            return []
        }
        let standings = try rows.take(keys, texts: nil, on: connection).get()
        let free = zip(keys, standings).filter { $0.1 != .locked }.map(\.0)
        try enter(free, on: connection)
        try rows.show("pending", free, on: connection)
        return zip(keys, standings).filter { $0.1 == .locked }.map(\.0)
    }

    /// The jobs alone, in the order of their keys.
    func enter(_ keys: [Key], on connection: any Connection) throws(DatabaseError) {
        guard !keys.isEmpty else { return }
        switch connection.dialect {
        case .sqlite:
            try connection.runMany(
                Self.enterSQL, keys.map { ["source": Value(source.id), "key": .text($0.literal)] })
        case .postgres:
            try connection.run(
                Self.enterSQL, ["source": Value(source.id), "keys": TextArray(keys.map(\.literal)).value])
        }
    }

    private static let again = """
        ON CONFLICT (source_id, key) DO UPDATE SET
            wanted_rev = job.wanted_rev + 1, attempt = 0, crashes = 0, alone_crashes = 0, run_at = NULL,
            state = CASE job.state WHEN 'running' THEN 'running' ELSE 'available' END
        """

    private static let enterSQL = SQL(
        sqlite: "INSERT INTO \(Table.job) AS job (source_id, key) VALUES (:source, :key) \(again)",
        postgres: """
            INSERT INTO \(Table.job) AS job (source_id, key)
            SELECT :source, wanted.key FROM unnest(:keys::text[]) AS wanted(key) ORDER BY wanted.key COLLATE "C"
            \(again)
            """)
}

extension Database {
    /// Enters jobs for rows that a user's transaction has, one at a time and holding nothing, so that nobody waits for
    /// longer than a moment. Where that transaction is writing the job itself, it is left to it; the sweep sees whether it
    /// was.
    func enterLocked(_ keys: [Key], of source: Source) async throws {
        for key in keys {
            do {
                try await write { connection in
                    try TableLock.wait(for: .milliseconds(20), on: connection)
                    try RowWish(source).enter([key], on: connection)
                }
            } catch let error as DatabaseError where error.code == .busy {
                continue
            }
        }
    }
}
