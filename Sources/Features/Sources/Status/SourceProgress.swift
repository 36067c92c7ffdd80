package import Core

/// How far a source has come: its rows by status.
package struct SourceProgress: Sendable {
    /// The statuses, in the order in which they are shown.
    package static let statuses = ["pending", "processing", "completed", "failed", "skipped"]

    package let source: Source
    /// Every status of ``statuses`` is present, zeros included. A row with another word counts as pending.
    package let counts: [String: Int]
    package var total: Int { counts.values.reduce(0, +) }

    /// Rows that need nothing more, of all, in percent.
    package var percentage: Double {
        total == 0 ? 100 : 100 * Double(total - open) / Double(total)
    }

    /// Rows still to be embedded.
    package var open: Int {
        (counts["pending"] ?? 0) + (counts["processing"] ?? 0)
    }

    /// Of a source whose table cannot be read.
    package static func unknown(_ source: Source) -> SourceProgress {
        SourceProgress(source: source, counts: Dictionary(uniqueKeysWithValues: statuses.map { ($0, 0) }))
    }

    /// Reads it from the index on the status column. O(rows) over that index.
    package static func read(_ source: Source, on connection: any Connection) throws(DatabaseError) -> SourceProgress {
        var counts = Dictionary(uniqueKeysWithValues: statuses.map { ($0, 0) })
        let status = Identifier(source.definition.status)
        let table = source.definition.tableName.quoted
        let rows = try connection.rows(
            SQL(
                sqlite: "SELECT \(status), COUNT(*) FROM \(table) GROUP BY 1",
                postgres: "SELECT \(status)::text, COUNT(*) FROM \(table) GROUP BY 1"))
        for row in rows {
            let word = row[0].text ?? "pending"
            counts[counts[word] == nil ? "pending" : word, default: 0] += Int(row.integer(1))
        }
        return SourceProgress(source: source, counts: counts)
    }
}
