package import Core

/// The statements that Millrace runs on the rows of one user's table. Identifiers are quoted here and nowhere else;
/// keys are bound as `:k0`, `:k1`, … and the text that was read as `:t0`, `:t1`, ….
package struct RowStatements: Sendable {
    private let definition: SourceDefinition
    private let ddl: SourceDDL

    /// Columns: the text columns in order. No row: it is gone.
    package let readInput: SQL
    /// Sets the vector and `completed`, only where the row's text still is what was read.
    package let writeVector: SQL
    /// Clears the vector and sets `:status`, only where the row's text still is what was read.
    package let clearVector: SQL
    /// Sets `:status` where it is another.
    package let setStatus: SQL
    package let rowExists: SQL
    /// One row in the form of ``page(isFirst:wholeVectors:)`` without whole vectors.
    package let sweepRow: SQL

    package init(_ source: Source) {
        let definition = source.definition
        let table = Identifier(definition.table)
        let status = Identifier(definition.status)
        let into = Identifier(definition.into)
        let texts = definition.text.map { Identifier($0) }
        let sameKey = definition.key.enumerated().map { "\(Identifier($1)) = :k\($0)" }.joined(separator: " AND ")
        let sameText = texts.enumerated().map { "\($1) IS :t\($0) COLLATE BINARY" }.joined(separator: " AND ")
        let touch =
            definition.updated.map { ", \(Identifier($0)) = \(Self.now(definition.updatedForm ?? .text))" } ?? ""

        self.definition = definition
        ddl = source.ddl
        readInput = .both("SELECT \(texts.list) FROM \(table) WHERE \(sameKey)")
        writeVector = .both(
            "UPDATE \(table) SET \(into) = :vector, \(status) = 'completed'\(touch) WHERE \(sameKey) AND \(sameText)")
        clearVector = .both(
            "UPDATE \(table) SET \(into) = NULL, \(status) = :status\(touch) WHERE \(sameKey) AND \(sameText)")
        setStatus = .both("UPDATE \(table) SET \(status) = :status WHERE \(sameKey) AND \(status) IS NOT :status")
        rowExists = .both("SELECT 1 FROM \(table) WHERE \(sameKey)")
        sweepRow = .both(
            "SELECT \(ddl.keyExpression("")), \(status), \(into) IS NOT NULL, \(texts.list) FROM \(table) WHERE \(sameKey)"
        )
    }

    private static func now(_ form: SourceDefinition.TimeForm) -> String {
        switch form {
        case .text: "strftime('%Y-%m-%d %H:%M:%f', 'now')"
        case .unixSeconds: "CAST(strftime('%s', 'now') AS INTEGER)"
        case .unixMilliseconds: "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"
        }
    }

    /// A page of rows in the order of the key, after `:k0`, `:k1`, … where `isFirst` is false.
    ///
    /// Columns: the key's stored text, the status, the vector (or whether there is one), then the text columns.
    package func page(isFirst: Bool, wholeVectors: Bool) -> SQL {
        let keys = definition.key.map { Identifier($0) }
        let into = Identifier(definition.into)
        let vector = wholeVectors ? into.quoted : "\(into) IS NOT NULL"
        let columns = definition.text.map { Identifier($0).quoted }.joined(separator: ", ")
        let marks = keys.indices.map { ":k\($0)" }.joined(separator: ", ")
        // SQLite lets a PRIMARY KEY be NULL where it was not told otherwise; such a row has no key.
        let present = keys.map { "\($0) IS NOT NULL" }.joined(separator: " AND ")
        let after = isFirst ? "" : " AND (\(keys.list)) > (\(marks))"
        return .both(
            """
            SELECT \(ddl.keyExpression("")), \(Identifier(definition.status)), \(vector), \(columns)
            FROM \(Identifier(definition.table)) WHERE \(present)\(after) ORDER BY \(keys.list) LIMIT :limit
            """)
    }

    /// The parameters that name a row, or nil where the stored key is not of this source's form.
    package func parameters(for key: Key) -> Parameters? {
        guard let values = key.values, values.count == definition.key.count else { return nil }
        var parameters: Parameters = [:]
        for (index, value) in values.enumerated() { parameters["k\(index)"] = value }
        return parameters
    }

    /// The parameters that name a row and the text that was read from it.
    package func parameters(for key: Key, texts: [Value]) -> Parameters? {
        guard var parameters = parameters(for: key) else { return nil }
        for (index, value) in texts.enumerated() { parameters["t\(index)"] = value }
        return parameters
    }
}

/// Runs writes that must not look like the user's to the triggers.
package func unseenByTriggers<Result>(
    on connection: any Connection, _ body: () throws -> Result
) throws -> Result {
    try connection.run(.both("INSERT INTO \(Table.guardRow)(one) VALUES (1)"))
    let result = try body()
    try connection.run(.both("DELETE FROM \(Table.guardRow)"))
    return result
}
