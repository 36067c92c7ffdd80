import Core

extension SourceRows {
    private var table: String { definition.tableName.quoted }
    private var status: Identifier { Identifier(definition.status) }
    private var into: Identifier { Identifier(definition.into) }
    private var sameKey: String {
        definition.key.enumerated().map { "\(Identifier($1)) = :k\($0)" }.joined(separator: " AND ")
    }

    /// Every write transaction has the whole file, so that nothing changes between this and what follows.
    ///
    /// The texts are compared here as they were read before: SQLite would compare the bytes, which are others for ever where
    /// they are no UTF-8.
    func compareInSQLite(
        _ keys: [Key], _ texts: [[Value]]?, on connection: any Connection
    ) throws(DatabaseError) -> [Standing] {
        let select = texts == nil ? statements.rowExists : statements.readInput
        var standings: [Standing] = []
        standings.reserveCapacity(keys.count)
        for (index, key) in keys.enumerated() {
            guard let parameters = statements.parameters(for: key), let row = try connection.row(select, parameters)
            else {
                standings.append(.gone)
                continue
            }
            guard let read = texts?[index] else {
                standings.append(.same)
                continue
            }
            // Nothing was read of a row that was gone.
            let isSame =
                read.isEmpty
                ? row.values.allSatisfy(\.isNull) : row.values.elementsEqual(read) { $0.isIdentical(to: $1) }
            standings.append(isSame ? .same : .changed)
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
