import Core

extension SourceRows {
    private var table: String { definition.tableName.quoted }
    private var status: Identifier { Identifier(definition.status) }
    private var into: Identifier { Identifier(definition.into) }
    private var sameKey: String {
        definition.key.enumerated().map { "\(Identifier($1)) = :k\($0)" }.joined(separator: " AND ")
    }

    /// Every write transaction has the whole file, so that nothing changes between this and what follows.
    func compareInSQLite(
        _ keys: [Key], _ texts: [[Value]]?, on connection: any Connection
    ) throws(DatabaseError) -> [Standing] {
        let same = definition.text.enumerated().map { "\(Identifier($1)) IS :t\($0) COLLATE BINARY" }
        let compare = SQL(
            sqlite:
                "SELECT \(texts == nil ? "1" : same.joined(separator: " AND ")) FROM \(table) WHERE \(sameKey)")
        var standings: [Standing] = []
        standings.reserveCapacity(keys.count)
        for (index, key) in keys.enumerated() {
            guard var parameters = statements.parameters(for: key) else {
                standings.append(.gone)
                continue
            }
            if let read = texts?[index] {
                // Nothing was read of a row that was gone.
                for place in definition.text.indices { parameters["t\(place)"] = read.isEmpty ? .null : read[place] }
            }
            let row = try connection.row(compare, parameters)
            standings.append(row.map { $0.integer(0) != 0 ? .same : .changed } ?? .gone)
        }
        return standings
    }

    /// The triggers see these: `completed` is no wish, and what a user's own trigger does because of them is the user's.
    func writeInSQLite(
        _ vectors: [Value], _ keys: [Key], on connection: any Connection
    ) throws(DatabaseError) -> [Written] {
        let batch = zip(keys, vectors).compactMap { key, vector in
            statements.parameters(for: key)?.adding("vector", vector)
        }
        let counts = try connection.runMany(
            SQL(
                sqlite:
                    "UPDATE \(table) SET \(into) = :vector, \(status) = 'completed'\(touchInSQLite) WHERE \(sameKey)"),
            batch)
        return counts.map { $0 > 0 ? .kept : .refused }
    }

    func clearInSQLite(
        _ status: String, _ keys: [Key], on connection: any Connection
    ) throws(DatabaseError) -> [Written] {
        let counts = try connection.runMany(
            SQL(
                sqlite:
                    "UPDATE \(table) SET \(into) = NULL, \(self.status) = :status\(touchInSQLite) WHERE \(sameKey)"),
            keys.compactMap { statements.parameters(for: $0)?.adding("status", .text(status)) })
        return counts.map { $0 > 0 ? .kept : .refused }
    }

    func showInSQLite(_ status: String, _ keys: [Key], on connection: any Connection) throws(DatabaseError) {
        try connection.runMany(
            SQL(
                sqlite:
                    "UPDATE \(table) SET \(self.status) = :status WHERE \(sameKey) AND \(self.status) IS NOT :status"),
            keys.compactMap { statements.parameters(for: $0)?.adding("status", .text(status)) })
    }

    private var touchInSQLite: String {
        guard let updated = definition.updated else { return "" }
        let now =
            switch definition.updatedForm {
            case .unixSeconds: "CAST(strftime('%s', 'now') AS INTEGER)"
            case .unixMilliseconds: "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"
            case .text, .timestamptz, .timestamp, .date, nil: "strftime('%Y-%m-%d %H:%M:%f', 'now')"
            }
        return ", \(Identifier(updated)) = \(now)"
    }
}
