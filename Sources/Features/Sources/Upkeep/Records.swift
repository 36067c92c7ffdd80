import Core

/// What Millrace's own tables hold of some rows of a source.
struct Records {
    /// The live job's state.
    private(set) var jobs: [Key: String] = [:]
    private(set) var embeddings: [Key: (hash: Value, space: String)] = [:]
    /// The input that failed for good, NULL where it is not known.
    private(set) var dead: [Key: Value] = [:]

    /// Three statements on PostgreSQL, three for each key on SQLite.
    static func read(_ keys: [Key], of source: Source, on connection: any Connection) throws(DatabaseError) -> Records {
        var records = Records()
        guard !keys.isEmpty else { return records }
        let choices: [Parameters] =
            switch connection.dialect {
            case .sqlite: keys.map { ["source": Value(source.id), "key": .text($0.literal)] }
            case .postgres: [["source": Value(source.id), "keys": TextArray(keys.map(\.literal)).value]]
            }
        for choice in choices {
            for row in try connection.rows(jobSQL, choice) { records.jobs[key(row)] = row.text(1) }
            for row in try connection.rows(embeddingSQL, choice) {
                records.embeddings[key(row)] = (row[1], row.text(2))
            }
            for row in try connection.rows(deadSQL, choice) { records.dead[key(row)] = row[1] }
        }
        return records
    }

    private static func key(_ row: Row) -> Key {
        Key(literal: row.text(0))
    }

    private static let jobSQL = chosen("SELECT key, state FROM \(Table.job)")
    private static let embeddingSQL = chosen("SELECT key, input_hash, space FROM \(Table.embedding)")
    private static let deadSQL = chosen("SELECT key, input_hash FROM \(Table.deadJob)")

    private static func chosen(_ select: SQLText) -> SQL {
        SQL(
            sqlite: "\(select) WHERE source_id = :source AND key = :key",
            postgres: "\(select) WHERE source_id = :source AND key = ANY (:keys::text[])")
    }
}
