import Core

/// What attaching would do, with everything checked and nothing changed: `source add` carries it out,
/// `--print-sql` writes it down.
struct AttachPlan {
    let definition: SourceDefinition
    let collection: String
    /// Looked for by ``countRows(on:)``, which reads the table.
    var rowCount = 0
    /// The same source, where it is attached already.
    let present: Source?
    /// What others made under our names and `--replace` lets us drop, with its kind.
    var taken: [String] = []
    /// The user's own triggers on updates of the table.
    let foreignTriggers: [String]
    /// Things about the table that the user should know, a sentence each.
    let notes: [String]

    init(_ request: AttachRequest, on connection: any Connection) throws {
        let shape = try TableShape.read(request.table, on: connection)
        let sources = try SourceStore().all(on: connection)
        var definition = try request.definition(for: shape, beside: sources)
        try definition.settleTime(shape, isAskedFor: request.updated != nil, on: connection)
        self.definition = definition
        notes = shape.notes
        let table = shape.table
        present = sources.first { $0.definition.tableName == table && $0.definition.into == definition.into }
        collection = present?.collection ?? request.collection ?? Self.freeName(table, definition.into, sources)
        foreignTriggers = try ObjectCheck.foreignTriggers(on: table, on: connection)
        if let present {
            try Self.checkSame(present, definition, request)
            return
        }
        try checkFree(beside: sources)
        if table.schema == nil { try Self.checkNoKeyIsNull(definition, on: connection) }
        taken = try takenNames(replacing: request.replacesObjects, beside: sources, on: connection)
    }

    mutating func countRows(on connection: any Connection) throws(DatabaseError) {
        let row = try connection.row(.both("SELECT COUNT(*) FROM \(definition.tableName.quoted)"))
        rowCount = Int(row?.integer(0) ?? 0)
    }

    private static func freeName(_ table: TableName, _ column: String, _ present: [Source]) -> String {
        let names = [table.name, "\(table.name)_\(column)"]
        return names.first { name in !present.contains { $0.collection == name } } ?? table.description
    }

    /// The same table and vector column once more: fine if it means the same, refused if it means something else.
    private static func checkSame(
        _ source: Source, _ wanted: SourceDefinition, _ request: AttachRequest
    ) throws(SourceError) {
        let present = source.definition
        let isSame =
            present.key == wanted.key && present.text == wanted.text && present.template == wanted.template
            && present.model == wanted.model && present.dimension == wanted.dimension
            && (request.collection ?? source.collection) == source.collection
            && (request.status == nil || present.status == wanted.status)
            && (request.updated == nil || present.updated == wanted.updated)
        guard isSame else {
            throw SourceError(
                .columnTaken,
                "column \"\(wanted.into)\" of \"\(wanted.tableName)\" already receives the vectors of source \"\(source.collection)\", which has other settings: remove that one first with millrace source remove \(source.collection), or name another column for --into"
            )
        }
    }

    private func checkFree(beside sources: [Source]) throws(SourceError) {
        guard !sources.contains(where: { $0.collection == collection }) else {
            throw SourceError(
                .alreadyAttached,
                "a collection named \"\(collection)\" exists already: choose another with --collection")
        }
        let neighbours = sources.filter { $0.definition.tableName == definition.tableName }
        guard !neighbours.contains(where: { $0.definition.status == definition.status }) else {
            throw SourceError(
                .columnTaken,
                "column \"\(definition.status)\" is the status of another source on \"\(definition.tableName)\": choose another with --status"
            )
        }
    }

    /// SQLite lets a PRIMARY KEY column be NULL unless it is declared NOT NULL or is the row's number.
    private static func checkNoKeyIsNull(_ definition: SourceDefinition, on connection: any Connection) throws {
        for name in definition.key {
            let row = try connection.row(
                .both("SELECT 1 FROM \(definition.tableName.quoted) WHERE \(Identifier(name)) IS NULL LIMIT 1"))
            guard row == nil else {
                throw SourceError(
                    .badKey,
                    "key column \"\(name)\" of \"\(definition.tableName)\" is NULL in some rows, which then have no key: fill it in, or name another --key"
                )
            }
        }
    }

    private func takenNames(
        replacing: Bool, beside sources: [Source], on connection: any Connection
    ) throws -> [String] {
        let wanted = definition.ddl(for: SourceID(0)).objects
        // On PostgreSQL a name belongs to its schema.
        for source in sources where source.definition.schema == definition.schema {
            let names = Set(source.ddl.objects.map { $0.name.name.lowercased() })
            guard let object = wanted.first(where: { names.contains($0.name.name.lowercased()) }) else { continue }
            throw SourceError(
                .nameTaken,
                "source \"\(source.collection)\" already has a \(object.kind) named \(object.name.name): remove that source, or rename the table"
            )
        }
        let taken = try ObjectCheck.present(wanted.map(\.name), beside: definition.tableName, on: connection)
        guard !taken.isEmpty else { return [] }
        let ours = Set(wanted.map { $0.description.lowercased() })
        guard taken.allSatisfy({ ours.contains($0.lowercased()) }) else {
            throw SourceError(
                .nameTaken,
                "the database already has \(taken.joined(separator: ", ")), which Millrace needs as a name of another kind: rename what is there"
            )
        }
        guard replacing else {
            throw SourceError(
                .nameTaken,
                "the database already has \(taken.joined(separator: ", ")), made by someone else: add --replace to let Millrace replace them"
            )
        }
        return taken
    }
}
