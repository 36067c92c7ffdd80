package import Core

/// A user's table being watched: one collection of items.
package struct Source: Hashable, Sendable {
    package enum State: String, Sendable {
        /// Rows that were there before the source are still being taken in.
        case backfilling
        case active
        /// The triggers are away and no job is claimed, for a migration of the user's table.
        case suspended
    }

    package let id: SourceID
    package let collection: String
    package let definition: SourceDefinition
    package let state: State

    package init(id: SourceID, collection: String, definition: SourceDefinition, state: State) {
        self.id = id
        self.collection = collection
        self.definition = definition
        self.state = state
    }

    package var template: Template {
        get throws(SourceError) { try Template(definition.template, columns: definition.text) }
    }
}

/// The table of sources.
package struct SourceStore: Sendable {
    package init() {}

    private static let columns = "id, collection, table_name, definition, state"

    package func all(on connection: any Connection) throws -> [Source] {
        try connection.rows(.both("SELECT \(Self.columns) FROM \(Table.source) ORDER BY id")).map(Self.source)
    }

    package func find(_ id: SourceID, on connection: any Connection) throws -> Source? {
        try connection.row(.both("SELECT \(Self.columns) FROM \(Table.source) WHERE id = :id"), ["id": Value(id)])
            .map(Self.source)
    }

    /// The source of a collection, or an error that lists the collections there are.
    package func named(_ collection: String, on connection: any Connection) throws -> Source {
        let sources = try all(on: connection)
        guard let source = sources.first(where: { $0.collection == collection }) else {
            let known = sources.map(\.collection).joined(separator: ", ")
            throw SourceError(
                .unknownSource,
                sources.isEmpty
                    ? "there is no source yet: attach one with millrace source add"
                    : "no source is named \"\(collection)\" — sources are: \(known)")
        }
        return source
    }

    func insert(
        collection: String, _ definition: SourceDefinition, total: Int, on connection: any Connection
    ) throws -> Source {
        let row = try connection.row(
            .both(
                """
                INSERT INTO \(Table.source)(
                    collection, table_name, definition, model, state, backfill_total, created_at)
                VALUES (:collection, :table, :definition, :model, 'backfilling', :total, :now)
                RETURNING id
                """),
            [
                "collection": .text(collection), "table": .text(definition.tableName.description),
                "definition": .text(definition.encoded()), "model": .text(definition.model),
                "total": Value(total), "now": Value(Timestamp.now()),
            ])
        guard let row else { preconditionFailure("INSERT … RETURNING gave no row") }
        return Source(id: row.id(0), collection: collection, definition: definition, state: .backfilling)
    }

    /// The row of a source as SQL text with literals, for a person to run. The backfill then begins with the server.
    func insertText(collection: String, _ definition: SourceDefinition, id: SourceID) -> String {
        let dialect = definition.dialect
        let table = Table.source.name(in: dialect)
        let insert = """
            INSERT INTO \(table)(id, collection, table_name, definition, model, state, created_at)
            VALUES (\(id), \(Key.quote(.text(collection))), \(Key.quote(.text(definition.tableName.description))),
                \(Key.quote(.text(definition.encoded()))), \(Key.quote(.text(definition.model))), 'backfilling',
                \(SQLText.now.text(for: dialect)));
            """
        // A number that is given by hand does not move the sequence.
        return dialect == .sqlite
            ? insert
            : "\(insert)\nSELECT setval('\(Self.sequence)', GREATEST(\(id), (SELECT last_value FROM \(Self.sequence))));"
    }

    private static let sequence = "millrace.source_id_seq"

    /// The number of the next source. Numbers are not used again, for triggers left somewhere may still bear them.
    func nextID(on connection: any Connection) throws(DatabaseError) -> SourceID {
        try connection.row(
            SQL(
                sqlite: "SELECT seq + 1 FROM sqlite_sequence WHERE name = '\(Table.source)'",
                postgres: "SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END FROM \(Self.sequence)")
        )?.id(0) ?? SourceID(1)
    }

    /// Suspends the source, remembering whether its backfill was under way.
    ///
    /// - Parameter fault: why, where Millrace does it of itself because the table cannot be read; upkeep then resumes
    ///   it as soon as it can. nil where a person asked for it, who resumes it.
    func suspend(_ source: SourceID, fault: String?, on connection: any Connection) throws(DatabaseError) {
        try connection.run(
            SQL(
                sqlite: """
                    UPDATE \(Table.source) SET
                        state = 'suspended',
                        definition = json_set(
                            definition, '$.fault', :fault,
                            '$.suspendedFrom', CASE state WHEN 'suspended'
                                THEN COALESCE(json_extract(definition, '$.suspendedFrom'), 'active') ELSE state END)
                    WHERE id = :id
                    """,
                postgres: """
                    UPDATE \(Table.source) SET
                        state = 'suspended',
                        definition = (definition::jsonb || jsonb_build_object('fault', :fault::text,
                            'suspendedFrom', CASE state WHEN 'suspended'
                                THEN COALESCE(definition::jsonb ->> 'suspendedFrom', 'active') ELSE state END))::text
                    WHERE id = :id
                    """), ["id": Value(source), "fault": Value(fault)])
    }

    /// Takes a suspended source up where it was; any other stays as it is.
    func resume(_ source: SourceID, on connection: any Connection) throws(DatabaseError) {
        try connection.run(
            SQL(
                sqlite: """
                    UPDATE \(Table.source) SET
                        state = COALESCE(json_extract(definition, '$.suspendedFrom'), 'active'),
                        definition = json_remove(definition, '$.fault', '$.suspendedFrom')
                    WHERE id = :id AND state = 'suspended'
                    """,
                postgres: """
                    UPDATE \(Table.source) SET
                        state = COALESCE(definition::jsonb ->> 'suspendedFrom', 'active'),
                        definition = (definition::jsonb - 'fault' - 'suspendedFrom')::text
                    WHERE id = :id AND state = 'suspended'
                    """), ["id": Value(source)])
    }

    /// Forgets the source; its jobs and embeddings go with it.
    func delete(_ source: SourceID, on connection: any Connection) throws(DatabaseError) {
        try connection.run(.both("DELETE FROM \(Table.source) WHERE id = :id"), ["id": Value(source)])
    }

    private static func source(_ row: Row) throws(SourceError) -> Source {
        var definition = try SourceDefinition.decoded(row.text(3))
        if definition.dialect == .sqlite { definition.table = row.text(2) }
        return Source(
            id: row.id(0), collection: row.text(1), definition: definition,
            state: Source.State(rawValue: row.text(4)) ?? .suspended)
    }
}
