package import Core

/// The rows of one source, a batch at a time: read, compared, written.
///
/// On PostgreSQL each is one statement, and none waits for a row that a user's transaction has: such rows are passed by
/// or answered with ``Standing/locked``.
struct SourceRows: Sendable {
    let source: Source
    let definition: SourceDefinition
    let statements: RowStatements

    init(_ source: Source) {
        self.source = source
        definition = source.definition
        statements = RowStatements(source)
    }

    /// How a row stands to what was read from it.
    enum Standing: Sendable {
        /// Its text is what was read. On PostgreSQL the row is ours until the transaction ends.
        case same
        case changed
        case gone
        /// Somebody else's transaction has it.
        case locked
    }

    /// What became of a write to a row that was ``Standing/same``.
    enum Written: Sendable {
        case kept
        /// A trigger of the user's let the row pass by unwritten.
        case refused
        /// A trigger of the user's changed its text on the way.
        case changed
    }

    /// The text columns' values; nil where the row is gone.
    func read(_ keys: [Key], on connection: any Connection) throws(DatabaseError) -> [[Value]?] {
        guard connection.dialect == .sqlite else { return try readInPostgres(keys, on: connection) }
        var values: [[Value]?] = []
        for key in keys {
            values.append(
                try statements.parameters(for: key).flatMap { parameters throws(DatabaseError) in
                    try connection.row(statements.readInput, parameters)?.values
                })
        }
        return values
    }

    /// Whether each row is there.
    func exist(_ keys: [Key], on connection: any Connection) throws(DatabaseError) -> [Bool] {
        guard connection.dialect == .sqlite else { return try existInPostgres(keys, on: connection) }
        var exist: [Bool] = []
        for key in keys {
            let row = try statements.parameters(for: key).flatMap { parameters throws(DatabaseError) in
                try connection.row(statements.rowExists, parameters)
            }
            exist.append(row != nil)
        }
        return exist
    }

    /// Compares rows with what was read from them, and on PostgreSQL takes them for the rest of the transaction.
    ///
    /// - Parameter texts: as many as keys, in the order of the text columns; nil where the text does not matter.
    func take(
        _ keys: [Key], texts: [[Value]]?, on connection: any Connection
    ) throws(DatabaseError) -> Late<[Standing]> {
        switch connection.dialect {
        case .sqlite:
            let standings = try compareInSQLite(keys, texts, on: connection)
            return Late { standings }
        case .postgres: return try takeInPostgres(keys, texts, on: connection)
        }
    }

    /// A vector as ``write(_:_:texts:on:)`` takes it.
    func column(_ vector: [Float], for dialect: Dialect) -> Value {
        switch dialect {
        case .sqlite: definition.format.value(vector)
        case .postgres: .text(definition.format.text(vector))
        }
    }

    /// Writes vectors and `completed`. - Precondition: the rows are ``Standing/same``.
    func write(
        _ vectors: [Value], _ keys: [Key], texts: [[Value]], on connection: any Connection
    ) throws(DatabaseError) -> Late<[Written]> {
        switch connection.dialect {
        case .sqlite:
            let written = try writeInSQLite(vectors, keys, on: connection)
            return Late { written }
        case .postgres: return try writeInPostgres(vectors, "completed", keys, texts, on: connection)
        }
    }

    /// Takes the vectors away and writes a status. - Precondition: the rows are ``Standing/same``.
    func clear(
        _ status: String, _ keys: [Key], texts: [[Value]], on connection: any Connection
    ) throws(DatabaseError) -> Late<[Written]> {
        switch connection.dialect {
        case .sqlite:
            let cleared = try clearInSQLite(status, keys, on: connection)
            return Late { cleared }
        case .postgres:
            return try writeInPostgres(keys.map { _ in .null }, status, keys, texts, on: connection)
        }
    }

    /// Writes a status where it is another, unseen by the triggers. Rows that are gone, and on PostgreSQL rows that a
    /// user's transaction has, are passed by.
    func show(_ status: String, _ keys: [Key], on connection: any Connection) throws {
        guard !keys.isEmpty else { return }
        try unseenByTriggers(on: connection) { try write(status, keys, on: connection) }
    }

    /// Is ``show(_:_:on:)`` for the last write of a transaction: on PostgreSQL it goes to the server together with the commit.
    func showLast(_ status: String, _ keys: [Key], on connection: any Connection) throws {
        guard connection.dialect == .postgres else { return try show(status, keys, on: connection) }
        try connection.runLater(hidingFromTriggers, [:])
        try write(status, keys, on: connection)
    }

    /// Is ``show(_:_:on:)`` for who has seen to the triggers already.
    func write(_ status: String, _ keys: [Key], on connection: any Connection) throws {
        switch connection.dialect {
        case .sqlite: try showInSQLite(status, keys, on: connection)
        case .postgres: try showInPostgres(status, keys, on: connection)
        }
    }
}

/// Hides from the triggers whatever the rest of the transaction writes. PostgreSQL alone.
let hidingFromTriggers = SQL(postgres: "SELECT set_config('millrace.internal', 'on', true)")

/// Is ``unseenByTriggers(on:_:)`` on PostgreSQL, and nothing on SQLite.
func unseenInPostgres<Result>(on connection: any Connection, _ body: () throws -> Result) throws -> Result {
    guard connection.dialect == .postgres else { return try body() }
    return try unseenByTriggers(on: connection, body)
}

/// Runs writes that must not look like the user's to the triggers. What a user's own trigger does because of them is the
/// user's on PostgreSQL, and seen.
package func unseenByTriggers<Result>(
    on connection: any Connection, _ body: () throws -> Result
) throws -> Result {
    switch connection.dialect {
    case .sqlite:
        try connection.run(SQL(sqlite: "INSERT INTO \(Table.guardRow)(one) VALUES (1) ON CONFLICT DO NOTHING"))
        let result = try body()
        try connection.run(SQL(sqlite: "DELETE FROM \(Table.guardRow)"))
        return result
    case .postgres:
        // For the transaction alone. Some are inside others, so the last value is put back.
        let before = try connection.rowsLater(
            SQL(
                postgres: """
                    SELECT COALESCE(current_setting('millrace.internal', true), ''),
                        set_config('millrace.internal', 'on', true)
                    """), [:])
        let result = try body()
        if try before.get().first?[0].text != "on" {
            try connection.runLater(SQL(postgres: "SELECT set_config('millrace.internal', '', true)"), [:])
        }
        return result
    }
}
