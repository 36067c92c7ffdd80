import Core

/// The tables that a PostgreSQL table's rows are in.
enum Partitions {
    struct Partition {
        let table: TableName
        /// The partition above it, or the table itself.
        let parent: TableName
        /// Whether rows lie in it, and not in partitions of its own.
        let isLeaf: Bool
        /// The names of the triggers on it.
        let triggers: [String]
    }

    /// The table's oid, nil where there is no such table.
    static func place(of table: TableName, on connection: any Connection) throws(DatabaseError) -> Value? {
        try connection.row(
            SQL(postgres: "SELECT pg_catalog.to_regclass(:name)::oid::bigint"), ["name": .text(table.quoted)]
        ).flatMap { $0[0].isNull ? Value?.none : $0[0] }
    }

    /// Every partition of every level, those above first; none where the table is not partitioned.
    static func all(of table: TableName, on connection: any Connection) throws(DatabaseError) -> [Partition] {
        guard let place = try place(of: table, on: connection) else { return [] }
        return try connection.rows(allSQL, ["place": place]).map { row in
            Partition(
                table: TableName(schema: row.text(0), row.text(1)), parent: TableName(schema: row.text(2), row.text(3)),
                isLeaf: row.integer(4) != 0,
                // A name cannot hold U+0001.
                triggers: row.text(5).split(separator: "\u{1}").map(String.init))
        }
    }

    private static let allSQL = SQL(
        postgres: """
            SELECT n.nspname::text, c.relname::text, pn.nspname::text, p.relname::text, tree.isleaf::int,
                COALESCE((SELECT string_agg(g.tgname, E'\\x01') FROM pg_catalog.pg_trigger AS g
                    WHERE g.tgrelid = c.oid), '')
            FROM pg_catalog.pg_partition_tree(:place::oid::regclass) AS tree
                JOIN pg_catalog.pg_class AS c ON c.oid = tree.relid
                JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                JOIN pg_catalog.pg_class AS p ON p.oid = tree.parentrelid
                JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
            WHERE tree.level > 0 ORDER BY tree.level, 1, 2
            """)
}
