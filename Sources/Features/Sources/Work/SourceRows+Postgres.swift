import Core

/// Each batch comes as arrays of text, one for each key column and one for whatever else belongs to a row, and is answered
/// by the rows' places in it.
extension SourceRows {
    private var table: String { definition.tableName.quoted }
    private var status: Identifier { Identifier(definition.status) }
    private var keyNames: [String] { definition.key.indices.map { "k\($0)" } }
    private var textNames: [String] { definition.text.indices.map { "t\($0)" } }

    /// `wanted(k0, …, place)`, as a table.
    ///
    /// - Parameter noted: columns whose arrays ``noting(_:texts:)`` has brought to the server.
    private func wanted(_ more: [String] = [], noted: [String] = []) -> SQLText {
        let names = keyNames + more
        let parameters = names.map { ":\($0)::text[]" }.joined(separator: ", ")
        let arrays = noted.reduce(SQLText(parameters)) { "\($0), \(ServerNote($1).text)::text[]" }
        return "unnest(\(arrays)) WITH ORDINALITY AS wanted(\((names + noted).joined(separator: ", ")), place)"
    }

    private var isWanted: String {
        zip(definition.key, keyNames).map { column, name in
            "t.\(Identifier(column)) = wanted.\(name)::\(definition.types?[column] ?? "text")"
        }.joined(separator: " AND ")
    }

    private var isSame: String {
        zip(definition.text, textNames).map { column, name in
            "t.\(Identifier(column))::text COLLATE \"C\" IS NOT DISTINCT FROM wanted.\(name)"
        }.joined(separator: " AND ")
    }

    /// The arrays of the keys; a key that is not of this source's form names no row.
    private func parameters(_ keys: [Key]) -> Parameters {
        var columns = keyNames.map { _ in TextArray() }
        for key in keys {
            let values = key.values.flatMap { $0.count == columns.count ? $0 : nil }
            for index in columns.indices { columns[index].append(values?[index] ?? .null) }
        }
        var parameters: Parameters = [:]
        for (name, column) in zip(keyNames, columns) { parameters[name] = column.value }
        return parameters
    }

    private func parameters(_ keys: [Key], texts: [[Value]]) -> Parameters {
        zip(textNames, arrays(texts)).reduce(into: parameters(keys)) { $0[$1.0] = $1.1.value }
    }

    private func arrays(_ texts: [[Value]]) -> [TextArray] {
        var columns = textNames.map { _ in TextArray() }
        for values in texts {
            // Nothing was read of a row that was gone.
            for index in columns.indices { columns[index].append(values.isEmpty ? .null : values[index]) }
        }
        return columns
    }

    /// Answers by place, counted from 1 as ORDINALITY does.
    private func answers<Answer>(_ rows: [Row], count: Int, _ read: (Row) -> Answer) -> [Answer?] {
        var answers = [Answer?](repeating: nil, count: count)
        for row in rows { answers[Int(row.integer(0)) - 1] = read(row) }
        return answers
    }

    func readInPostgres(_ keys: [Key], on connection: any Connection) throws(DatabaseError) -> [[Value]?] {
        let texts = definition.text.map { "t.\(Identifier($0))::text" }.joined(separator: ", ")
        let rows = try connection.rows(
            SQL(postgres: "SELECT wanted.place, \(texts) FROM \(wanted()) JOIN \(table) AS t ON \(isWanted)"),
            parameters(keys))
        return answers(rows, count: keys.count) { Array($0.values[1...]) }
    }

    func existInPostgres(_ keys: [Key], on connection: any Connection) throws(DatabaseError) -> [Bool] {
        guard !keys.isEmpty else { return [] }
        let rows = try connection.rows(
            SQL(postgres: "SELECT wanted.place FROM \(wanted()) JOIN \(table) AS t ON \(isWanted)"), parameters(keys))
        return answers(rows, count: keys.count) { _ in true }.map { $0 ?? false }
    }

    func takeInPostgres(
        _ keys: [Key], _ texts: [[Value]]?, on connection: any Connection
    ) throws(DatabaseError) -> Late<[Standing]> {
        guard !keys.isEmpty else { return Late { [] } }
        let rows = try connection.rowsLater(
            SQL(
                postgres: """
                    SELECT wanted.place, \(texts == nil ? "true" : isSame)
                    FROM \(wanted(texts == nil ? [] : textNames)) JOIN \(table) AS t ON \(isWanted)
                    FOR NO KEY UPDATE OF t SKIP LOCKED
                    """), texts.map { parameters(keys, texts: $0) } ?? parameters(keys))
        return rows.map { rows throws(DatabaseError) -> [Standing] in
            var standings = answers(rows, count: keys.count) { $0.integer(1) != 0 ? Standing.same : .changed }
            let missing = standings.indices.filter { standings[$0] == nil }
            let exist = try existInPostgres(missing.map { keys[$0] }, on: connection)
            for (place, exists) in zip(missing, exist) { standings[place] = exists ? .locked : .gone }
            return standings.map { $0 ?? .gone }
        }
    }

    /// Writes vectors and a status into wanted rows.
    private func update(_ wanted: SQLText) -> SQLText {
        let into = definition.format.written("wanted.vector", type: definition.types?[definition.into] ?? "text")
        return """
            UPDATE \(table) AS t SET \(Identifier(definition.into)) = \(into), \(status) = :status\(touchInPostgres)
            FROM \(wanted) WHERE \(isWanted)
            """
    }

    /// - Parameter vectors: as ``VectorFormat/text(_:)`` writes them; NULL takes the vector away.
    func writeInPostgres(
        _ vectors: [Value], _ status: String, _ keys: [Key], _ texts: [[Value]], on connection: any Connection
    ) throws(DatabaseError) -> Late<[Written]> {
        guard !keys.isEmpty else { return Late { [] } }
        let rows = try connection.rowsLater(
            SQL(postgres: "\(update(wanted(textNames + ["vector"]))) RETURNING wanted.place, \(isSame)"),
            parameters(keys, texts: texts).adding("vector", TextArray(vectors.map(\.text)).value).adding(
                "status", .text(status)))
        return rows.map { rows in
            answers(rows, count: keys.count) { $0.integer(1) != 0 ? Written.kept : .changed }.map { $0 ?? .refused }
        }
    }

    // MARK: In one round trip

    /// - Parameter onAnswer: gets the places, counted from 1, of the rows that are there.
    func finding(_ keys: [Key], onAnswer: @escaping (Set<Int>) -> Void) -> Query {
        Query(
            SQL(postgres: "SELECT wanted.place FROM \(wanted()) JOIN \(table) AS t ON \(isWanted)"), parameters(keys)
        ) { rows in onAnswer(Set(rows.map { Int($0.integer(0)) })) }
    }

    /// - Parameter onAnswer: gets the places, counted from 1, of the rows that nobody else has.
    func findingFree(_ keys: [Key], onAnswer: @escaping (Set<Int>) -> Void) -> Query {
        Query(
            SQL(
                postgres: """
                    SELECT wanted.place FROM \(wanted()) JOIN \(table) AS t ON \(isWanted)
                    FOR NO KEY UPDATE OF t SKIP LOCKED
                    """), parameters(keys)
        ) { rows in onAnswer(Set(rows.map { Int($0.integer(0)) })) }
    }

    /// Brings what is large to the server: the texts that were read, and the vectors.
    func noting(_ vectors: [Value], texts: [[Value]]) -> Query {
        var notes: [SQLText] = [ServerNote("vector").write(":vector")]
        var parameters: Parameters = ["vector": TextArray(vectors.map(\.text)).value]
        for (name, array) in zip(textNames, arrays(texts)) {
            notes.append(ServerNote(name).write(":\(name)"))
            parameters[name] = array.value
        }
        return Query(SQL(postgres: "SELECT \(notes.dropFirst().reduce(notes[0]) { "\($0), \($1)" })"), parameters)
    }

    /// Takes the rows that nobody else has, and notes where the text is still what was read.
    ///
    /// - Precondition: ``noting(_:texts:)`` has run in this transaction, with as many rows.
    func taking(_ keys: [Key]) -> Query {
        Query(
            SQL(
                postgres: """
                    WITH taken AS MATERIALIZED (
                        SELECT wanted.place, \(isSame) AS is_same
                        FROM \(wanted(noted: textNames)) JOIN \(table) AS t ON \(isWanted)
                        FOR NO KEY UPDATE OF t SKIP LOCKED)
                    SELECT \(ServerNote.kept.write("place", where: "is_same")),
                        \(ServerNote.written.clear), \(ServerNote.spoiled.clear)
                    FROM taken
                    """), parameters(keys))
    }

    /// Writes vectors and `completed` where places are kept, and notes where it did: a trigger of the user's may let a row
    /// pass by, or spoil its text on the way.
    ///
    /// - Precondition: as ``taking(_:)``.
    func writing(_ keys: [Key]) -> Query {
        Query(
            SQL(
                postgres: """
                    \(update(wanted(noted: textNames + ["vector"])))
                        AND wanted.place = ANY (\(ServerNote.kept.places))
                    RETURNING CASE WHEN \(isSame) THEN \(ServerNote.written.append("wanted.place"))
                        ELSE \(ServerNote.spoiled.append("wanted.place")) END
                    """), parameters(keys).adding("status", "completed"))
    }

    func showInPostgres(_ status: String, _ keys: [Key], on connection: any Connection) throws(DatabaseError) {
        let show = showing(status, keys)
        try connection.runLater(show.statement, show.parameters)
    }

    /// The rows are taken before they are written, so that writing waits for nobody. In a WITH, since a plan may run a
    /// subquery again for each row of the table; tables with rules on UPDATE that do something also cannot have that.
    ///
    /// - Parameter places: of the rows at the noted places alone; nil is all.
    func showing(_ status: String, _ keys: [Key], among places: ServerNote? = nil) -> Query {
        let isAmong = places.map { " AND wanted.place = ANY (\($0.places))" } ?? ""
        let columns = definition.key.map { Identifier($0) }
        let pairs = columns.map { "t.\($0) = free.\($0)" }.joined(separator: " AND ")
        return Query(
            SQL(
                postgres: """
                    WITH free AS MATERIALIZED (
                        SELECT \(columns.map { "t.\($0)" }.joined(separator: ", "))
                        FROM \(wanted()) JOIN \(table) AS t ON \(isWanted)
                        WHERE t.\(self.status)::text IS DISTINCT FROM :status::text\(isAmong)
                        FOR NO KEY UPDATE OF t SKIP LOCKED)
                    UPDATE \(table) AS t SET \(self.status) = :status FROM free WHERE \(pairs)
                    """), parameters(keys).adding("status", .text(status)))
    }

    /// Takes vectors away, as removal was told to; waits for users' rows, as long as the database lets it.
    func erase(_ keys: [Key], on connection: any Connection) throws(DatabaseError) {
        guard !keys.isEmpty else { return }
        let into = Identifier(definition.into)
        try connection.run(
            SQL(
                postgres:
                    "UPDATE \(table) AS t SET \(into) = NULL FROM \(wanted()) WHERE \(isWanted) AND t.\(into) IS NOT NULL"
            ), parameters(keys))
    }

    private var touchInPostgres: String {
        guard let updated = definition.updated else { return "" }
        let now: String
        switch definition.updatedForm {
        case .timestamptz: now = "now()"
        case .timestamp: now = PostgresSourceDDL(source: source.id, definition: definition).localNow
        case .date: now = "current_date"
        case .unixSeconds: now = "floor(extract(epoch FROM now()))"
        case .unixMilliseconds: now = "floor(extract(epoch FROM now()) * 1000)"
        case .text, nil: now = "to_char(now(), 'YYYY-MM-DD HH24:MI:SS.MS')"
        }
        return ", \(Identifier(updated)) = \(now)"
    }
}
