import Core

/// What tells that a source's table is no longer what it was: text that is the same for as long as nothing has changed
/// that concerns the source.
enum SchemaMark {
    /// A mark for each source. Cheap enough for once a second.
    static func read(_ sources: [Source], on connection: any Connection) throws(DatabaseError) -> [SourceID: String] {
        var marks: [SourceID: String] = [:]
        switch connection.dialect {
        case .sqlite:
            // Counts every change of the file's schema.
            let version = try connection.row(SQL(sqlite: "SELECT schema_version FROM pragma_schema_version"))
            for source in sources { marks[source.id] = version.map { String($0.integer(0)) } ?? "" }
        case .postgres:
            for source in sources {
                let place = try Partitions.place(of: source.definition.tableName, on: connection)
                marks[source.id] =
                    try place.flatMap { place throws(DatabaseError) in
                        try connection.row(markSQL, ["place": place])?[0].text
                    } ?? "gone"
            }
        }
        return marks
    }

    /// Columns and privileges, triggers and whether they are switched on, views, indexes, partitions. The number of a
    /// table's file changes when it is truncated or written anew: a truncated partition fires no trigger that knows which
    /// keys it held.
    private static let markSQL = SQL(
        postgres: """
            WITH place(oid) AS (
                SELECT relid::oid FROM pg_catalog.pg_partition_tree(:place::oid::regclass)
                UNION SELECT :place::oid),
            fact(text) AS (
                SELECT concat_ws(' ', 'table', c.oid, c.relfilenode, c.relrowsecurity, c.relowner, c.relacl, n.nspacl)
                FROM place JOIN pg_catalog.pg_class AS c ON c.oid = place.oid
                    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                UNION ALL
                SELECT concat_ws(' ', 'column', a.attrelid, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attacl)
                FROM pg_catalog.pg_attribute AS a
                WHERE a.attrelid = :place::oid AND a.attnum > 0 AND NOT a.attisdropped
                UNION ALL
                SELECT concat_ws(' ', 'trigger', g.oid, g.tgname, g.tgenabled)
                FROM place JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = place.oid
                UNION ALL
                SELECT concat_ws(' ', 'index', i.indexrelid, i.indisvalid, c.relname)
                FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
                WHERE i.indrelid = :place::oid
                UNION ALL
                SELECT DISTINCT concat_ws(' ', 'view', r.ev_class)
                FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
                WHERE d.refobjid = :place::oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass)
            SELECT md5(string_agg(text, E'\\n' ORDER BY text COLLATE "C")) FROM fact
            """)
}
