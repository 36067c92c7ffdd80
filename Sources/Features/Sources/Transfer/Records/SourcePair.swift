import Core

/// A source in both databases.
struct SourcePair: Sendable {
    let origin: Source
    let target: Source
}

extension SourceDefinition {
    /// What the source is in the target, whose table is there: the same columns and names, in PostgreSQL's types.
    func moved(to shape: TableShape, on connection: any Connection) throws -> SourceDefinition {
        var request = AttachRequest(
            table: shape.table.quoted, key: key, text: text, into: into, model: model, dimension: dimension)
        request.template = template
        request.status = status
        request.updated = updated
        request.hasViews = hasViews
        var moved = try request.definition(for: shape, beside: [])
        try moved.settleTime(shape, isAskedFor: false, on: connection)
        moved.suffix = suffix
        moved.madeStatusColumn = madeStatusColumn
        moved.fault = fault
        if updated == nil {
            (moved.updated, moved.updatedForm, moved.zone) = (nil, nil, nil)
        } else if [.text, .unixSeconds, .unixMilliseconds].contains(moved.updatedForm) {
            // How a text or a number is meant is seen from its rows, which are still to come.
            moved.updatedForm = updatedForm
        }
        return moved
    }
}

extension SourceStore {
    /// What the store itself says of a source beside its definition.
    struct Particulars: Sendable {
        var state: String
        var backfillMode: String
        var createdAt: Int64
        /// What a suspended source was before.
        var suspendedFrom: String?
    }

    func particulars(of source: SourceID, on connection: any Connection) throws(DatabaseError) -> Particulars? {
        try connection.row(
            SQL(
                sqlite: """
                    SELECT state, backfill_mode, created_at, json_extract(definition, '$.suspendedFrom')
                    FROM \(Table.source) WHERE id = :id
                    """,
                postgres: """
                    SELECT state, backfill_mode, created_at, definition::jsonb ->> 'suspendedFrom'
                    FROM \(Table.source) WHERE id = :id
                    """), ["id": Value(source)]
        ).map { row in
            Particulars(
                state: row.text(0), backfillMode: row.text(1), createdAt: row.integer(2), suspendedFrom: row[3].text)
        }
    }

    /// Enters a source that is being copied: suspended, so that nobody works on it.
    ///
    /// - Parameter id: nil lets the database choose one.
    func insertCopy(
        _ collection: String, _ definition: SourceDefinition, _ particulars: Particulars, id: SourceID?,
        on connection: any Connection
    ) throws -> Source {
        let row = try connection.row(
            SQL(
                postgres: """
                    INSERT INTO \(Table.source)(
                        id, collection, table_name, definition, model, state, backfill_mode, created_at)
                    VALUES (COALESCE(:id::bigint, nextval('millrace.source_id_seq')), :collection, :table, :definition,
                        :model, 'suspended', :mode, :created)
                    RETURNING id
                    """),
            [
                "id": id.map { Value($0) } ?? .null, "collection": .text(collection),
                "table": .text(definition.tableName.description), "definition": .text(definition.encoded()),
                "model": .text(definition.model), "mode": .text(particulars.backfillMode),
                "created": .integer(particulars.createdAt),
            ])
        guard let row else { preconditionFailure("INSERT … RETURNING gave no row") }
        return Source(id: row.id(0), collection: collection, definition: definition, state: .suspended)
    }

    /// Gives a copied source the state that it has in the origin. An unfinished backfill begins anew: in the order of
    /// PostgreSQL's keys other rows may come first.
    func finishCopy(
        _ source: SourceID, _ particulars: Particulars, on connection: any Connection
    ) throws(DatabaseError) {
        try connection.run(
            SQL(
                postgres: """
                    UPDATE \(Table.source) SET
                        state = :state,
                        definition = CASE WHEN :from::text IS NULL THEN definition
                            ELSE (definition::jsonb || jsonb_build_object('suspendedFrom', :from::text))::text END
                    WHERE id = :id
                    """),
            ["id": Value(source), "state": .text(particulars.state), "from": Value(particulars.suspendedFrom)])
    }
}
