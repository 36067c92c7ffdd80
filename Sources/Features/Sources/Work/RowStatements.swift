package import Core

/// The statements that read the rows of one user's table one by one or in pages. Identifiers are quoted here and nowhere
/// else; keys are bound as `:k0`, `:k1`, …. Whole batches are read and written by ``SourceRows``.
///
/// On PostgreSQL every column is read as its text, so that what is compared later is what was read, whatever its type.
package struct RowStatements: Sendable {
    private let definition: SourceDefinition
    private let columns: Columns

    /// Columns: the text columns in order. No row: it is gone.
    package let readInput: SQL
    package let rowExists: SQL
    /// One row in the form of ``page(isFirst:wholeVectors:)`` without whole vectors.
    package let sweepRow: SQL

    package init(_ source: Source) {
        definition = source.definition
        columns = Columns(source)
        let table = columns.table
        readInput = .both("SELECT \(columns.texts) FROM \(table) AS t WHERE \(columns.sameKey)")
        rowExists = .both("SELECT 1 FROM \(table) AS t WHERE \(columns.sameKey)")
        sweepRow = .both("SELECT \(columns.all(wholeVectors: false)) FROM \(table) AS t WHERE \(columns.sameKey)")
    }

    /// How the source's columns are written into these statements.
    struct Columns: Sendable {
        private let definition: SourceDefinition
        let table: String
        /// The key's stored text.
        let key: String
        let status: String
        let texts: String
        let sameKey: String

        init(_ source: Source) {
            definition = source.definition
            let isText = definition.dialect == .postgres
            func read(_ column: String) -> String { "t.\(Identifier(column))" + (isText ? "::text" : "") }
            table = definition.tableName.quoted
            key = source.ddl.keyExpression("t.")
            status = read(definition.status)
            texts = definition.text.map(read).joined(separator: ", ")
            sameKey = definition.key.enumerated().map { "t.\(Identifier($1)) = :k\($0)" }.joined(separator: " AND ")
        }

        /// Stored key, status, the vector or whether there is one, text columns.
        func all(wholeVectors: Bool) -> String {
            let into = "t.\(Identifier(definition.into))"
            let whole = definition.dialect == .postgres ? definition.format.read(into) : into
            return "\(key), \(status), \(wholeVectors ? whole : "\(into) IS NOT NULL"), \(texts)"
        }
    }

    /// A page of rows in the order of the key, after `:k0`, `:k1`, … where `isFirst` is false.
    ///
    /// Columns: the key's stored text, the status, the vector (or whether there is one), then the text columns.
    package func page(isFirst: Bool, wholeVectors: Bool) -> SQL {
        // By the table's name, for PostgreSQL would order by the text that the answer's column of that name holds.
        let keys = definition.key.map { "t.\(Identifier($0))" }
        let marks = keys.indices.map { ":k\($0)" }.joined(separator: ", ")
        // SQLite lets a PRIMARY KEY be NULL where it was not told otherwise; such a row has no key.
        let present = keys.map { "\($0) IS NOT NULL" }.joined(separator: " AND ")
        let after = isFirst ? "" : " AND (\(keys.joined(separator: ", "))) > (\(marks))"
        return .both(
            """
            SELECT \(columns.all(wholeVectors: wholeVectors))
            FROM \(columns.table) AS t WHERE \(present)\(after)
            ORDER BY \(keys.joined(separator: ", ")) LIMIT :limit
            """)
    }

    /// The parameters that name a row, or nil where the stored key is not of this source's form.
    package func parameters(for key: Key) -> Parameters? {
        guard let values = key.values, values.count == definition.key.count else { return nil }
        var parameters: Parameters = [:]
        for (index, value) in values.enumerated() { parameters["k\(index)"] = value }
        return parameters
    }
}
