import Core

extension TableShape {
    /// - Parameter shown: how people write the name.
    static func readPostgres(
        _ written: String, shown: String? = nil, on connection: any Connection
    ) throws -> TableShape {
        guard let found = try find(written, on: connection) else {
            throw SourceError(
                .unknownTable, "there is no table \"\(shown ?? written)\" — \(try others(on: connection))")
        }
        let table = TableName(schema: found.text(1), found.text(2))
        try checkOwner(table, on: connection)
        try checkKind(found.text(3), isTemporary: found.text(4) == "t", table)
        let place = found[0]
        try checkRelatives(place, table, on: connection)
        let primary = try primaryKey(place, on: connection)
        let columns = try columns(place, primaryKey: primary, on: connection)
        let sets = try uniqueSets(place, on: connection)
        var shape = TableShape(table: table, columns: columns, uniqueSets: sets)
        shape.notes = notes(table, found)
        return shape
    }

    /// The table's oid and row of the catalogue, by the `search_path` where no schema is named.
    private static func find(_ written: String, on connection: any Connection) throws(DatabaseError) -> Row? {
        for candidate in TableName.candidates(written) {
            let row = try connection.row(
                SQL(
                    postgres: """
                        SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text,
                            c.relrowsecurity::int
                        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                        WHERE c.oid = pg_catalog.to_regclass(:name)
                        """), ["name": .text(candidate.quoted)])
            if let row { return row }
        }
        return nil
    }

    private static func checkOwner(_ table: TableName, on connection: any Connection) throws {
        let schema = table.schema ?? ""
        let owner = schema == "millrace" ? "Millrace" : "PostgreSQL"
        guard owner == "Millrace" || schema == "information_schema" || schema == "pg_catalog" || schema == "pg_toast"
        else { return }
        throw SourceError(
            .unknownTable,
            "\"\(table)\" belongs to \(owner) itself: name a table of yours — \(try others(on: connection))")
    }

    private static func checkKind(_ kind: String, isTemporary: Bool, _ table: TableName) throws(SourceError) {
        let refusal: String? =
            switch kind {
            case "r", "p":
                isTemporary ? "is a temporary table, which no worker can see: name a lasting one" : nil
            case "v", "m": "is a view: name the table that its rows come from"
            case "f": "is a foreign table, whose own server Millrace does not see: attach it there"
            default: "is no table: name one"
            }
        if let refusal { throw SourceError(.unknownTable, "\"\(table)\" \(refusal)") }
    }

    /// A table that shares its rows with others needs triggers that fire whichever of them is written to: so a partitioned
    /// table is watched as a whole, and inheritance, where a key may stand in parent and child, not at all.
    private static func checkRelatives(_ place: Value, _ table: TableName, on connection: any Connection) throws {
        let relatives = try connection.rows(
            SQL(
                postgres: """
                    SELECT 'partition', n.nspname::text, c.relname::text
                    FROM pg_catalog.pg_class AS own
                        JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.pg_partition_root(own.oid)
                        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE own.oid = :place AND own.relispartition
                    UNION ALL
                    SELECT CASE WHEN i.inhrelid = :place THEN 'child' ELSE 'parent' END, n.nspname::text, c.relname::text
                    FROM pg_catalog.pg_inherits AS i
                        JOIN pg_catalog.pg_class AS own ON own.oid = :place
                        JOIN pg_catalog.pg_class AS c
                            ON c.oid = CASE WHEN i.inhrelid = :place THEN i.inhparent ELSE i.inhrelid END
                        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE :place IN (i.inhrelid, i.inhparent) AND NOT own.relispartition AND own.relkind = 'r'
                    UNION ALL
                    SELECT 'rule', '', r.rulename::text FROM pg_catalog.pg_rewrite AS r
                    WHERE r.ev_class = :place AND r.ev_type = '2' AND r.is_instead
                    """), ["place": place])
        guard let relative = relatives.first else { return }
        let other = TableName(schema: relative.text(1), relative.text(2))
        let refusal =
            switch relative.text(0) {
            case "partition": "is a partition of \(other): attach that one, and it is watched with all its partitions"
            case "child":
                "inherits from \(other), and writes to that one would pass it by: make it a partition, or end the inheritance with ALTER TABLE … NO INHERIT"
            case "parent":
                "has a table that inherits from it, \(other), whose rows its key does not tell apart: make that a partition, or end the inheritance with ALTER TABLE … NO INHERIT"
            default:
                "has a rule \"\(relative.text(2))\" that puts something in place of every UPDATE, so that no vector can be written: drop the rule, or name the table that it writes to"
            }
        throw SourceError(.unknownTable, "\"\(table)\" \(refusal)")
    }

    private static func primaryKey(_ place: Value, on connection: any Connection) throws(DatabaseError) -> [String] {
        try connection.rows(
            SQL(
                postgres: """
                    SELECT a.attname::text
                    FROM pg_catalog.pg_index AS i
                        CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS part(number, place)
                        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = part.number
                    WHERE i.indrelid = :place AND i.indisprimary AND part.place <= i.indnkeyatts ORDER BY part.place
                    """), ["place": place]
        ).map { $0.text(0) }
    }

    private static func columns(
        _ place: Value, primaryKey: [String], on connection: any Connection
    ) throws(DatabaseError) -> [Column] {
        try connection.rows(columnsSQL, ["place": place]).map { row in
            let name = row.text(0)
            return Column(
                name: name, declaredType: row.text(1), isNotNull: row.integer(2) != 0,
                primaryKeyPlace: (primaryKey.firstIndex(of: name) ?? -1) + 1, isGenerated: row.integer(3) != 0,
                type: ColumnType(schema: row.text(4), name: row.text(5), size: row[6].integer.map(Int.init)))
        }
    }

    /// Domains are followed down to the type beneath them. The size of a character type is stored with 4 added.
    private static let columnsSQL = SQL(
        postgres: """
            WITH RECURSIVE base(number, type, size, is_not_null) AS (
                SELECT a.attnum, a.atttypid, a.atttypmod, a.attnotnull FROM pg_catalog.pg_attribute AS a
                WHERE a.attrelid = :place AND a.attnum > 0 AND NOT a.attisdropped
                UNION ALL
                SELECT base.number, t.typbasetype, t.typtypmod, base.is_not_null OR t.typnotnull
                FROM base JOIN pg_catalog.pg_type AS t ON t.oid = base.type WHERE t.typtype = 'd')
            SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), base.is_not_null::int,
                (a.attgenerated <> '')::int, n.nspname::text, t.typname::text,
                CASE WHEN base.size >= 0 THEN base.size - CASE WHEN t.typname IN ('varchar', 'bpchar') THEN 4 ELSE 0 END END
            FROM base JOIN pg_catalog.pg_type AS t ON t.oid = base.type AND t.typtype <> 'd'
                JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
                JOIN pg_catalog.pg_attribute AS a ON a.attrelid = :place AND a.attnum = base.number
            ORDER BY base.number
            """)

    /// Indexes on all rows, on columns alone, checked at once: one that is deferrable lets two rows have the same key for
    /// a moment.
    private static func uniqueSets(
        _ place: Value, on connection: any Connection
    ) throws(DatabaseError) -> [[String]] {
        let rows = try connection.rows(
            SQL(
                postgres: """
                    SELECT i.indexrelid::bigint, a.attname::text
                    FROM pg_catalog.pg_index AS i
                        CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS part(number, place)
                        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = part.number
                    WHERE i.indrelid = :place AND i.indisunique AND i.indisvalid AND i.indimmediate
                        AND i.indpred IS NULL AND i.indexprs IS NULL AND part.place <= i.indnkeyatts
                    ORDER BY i.indisprimary DESC, i.indexrelid, part.place
                    """), ["place": place])
        var sets: [(index: Int64, columns: [String])] = []
        for row in rows {
            if sets.last?.index != row.integer(0) { sets.append((row.integer(0), [])) }
            sets[sets.count - 1].columns.append(row.text(1))
        }
        return sets.map(\.columns)
    }

    private static func notes(_ table: TableName, _ found: Row) -> [String] {
        var notes: [String] = []
        if found.integer(5) != 0 {
            notes.append(
                "row-level security of \(table): Millrace keeps in step the rows that its policies show to its role, and no others"
            )
        }
        if found.text(4) == "u" {
            notes.append("\(table) being unlogged: a crash of the server empties it, and its vectors leave the index")
        }
        return notes
    }

    private static func others(on connection: any Connection) throws(DatabaseError) -> String {
        let names = try connection.rows(
            SQL(
                postgres: """
                    SELECT n.nspname::text, c.relname::text, pg_catalog.pg_table_is_visible(c.oid)::int
                    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
                        AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'millrace')
                    ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C" LIMIT 40
                    """)
        ).map { row in
            // What the search path finds is written without its schema.
            row.integer(2) != 0
                ? TableName.plain(row.text(1)) : TableName(schema: row.text(0), row.text(1)).description
        }
        return names.isEmpty
            ? "the database has no tables yet: create one, or try millrace sample parts"
            : "tables are: \(names.joined(separator: ", "))"
    }
}
