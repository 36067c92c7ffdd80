package import Core

extension ObjectCheck {
    static func presentInPostgres(
        _ name: Identifier, beside table: TableName, on connection: any Connection
    ) throws(DatabaseError) -> [String] {
        try connection.rows(
            SQL(
                postgres: """
                    SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence '
                            WHEN 'i' THEN 'index ' WHEN 'I' THEN 'index ' ELSE 'table ' END || c.relname
                    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE n.nspname = :schema AND c.relname = :name
                    UNION ALL
                    SELECT 'function ' || p.proname
                    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
                    WHERE n.nspname = :schema AND p.proname = :name AND p.pronargs = 0
                    UNION ALL
                    SELECT 'trigger ' || g.tgname
                    FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_class AS c ON c.oid = g.tgrelid
                        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE n.nspname = :schema AND c.relname = :table AND g.tgname = :name AND NOT g.tgisinternal
                    """),
            ["name": .text(name.name), "schema": Value(table.schema), "table": .text(table.name)]
        ).map { $0.text(0) }
    }

    /// Bit 16 of `tgtype` stands for UPDATE.
    static func foreignTriggersInPostgres(
        on table: TableName, on connection: any Connection
    ) throws(DatabaseError) -> [String] {
        try connection.rows(
            SQL(
                postgres: """
                    SELECT g.tgname::text
                    FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_class AS c ON c.oid = g.tgrelid
                        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE n.nspname = :schema AND c.relname = :table AND NOT g.tgisinternal AND g.tgtype & 16 <> 0
                        AND g.tgname NOT LIKE 'trg\\_auto\\_embedding%'
                    ORDER BY 1
                    """), ["schema": Value(table.schema), "table": .text(table.name)]
        ).map { $0.text(0) }
    }

    // MARK: What is there

    private var ddl: PostgresSourceDDL {
        PostgresSourceDDL(source: source.id, definition: source.definition)
    }

    func missingInPostgres(on connection: any Connection) throws(DatabaseError) -> [String] {
        guard let place = try Partitions.place(of: source.definition.tableName, on: connection) else {
            return ["table \(source.definition.tableName)"]
        }
        var missing: [String] = []
        if try !hasStatusColumn(place, on: connection) { missing.append("column \(source.definition.status)") }
        let there = try objects(of: place, on: connection)
        missing += ddl.objects.map(\.description).filter { !there.contains($0) }
        for partition in try partitionsWithoutTriggers(on: connection) {
            missing.append("triggers of partition \(partition)")
        }
        return missing
    }

    private func hasStatusColumn(_ place: Value, on connection: any Connection) throws(DatabaseError) -> Bool {
        try connection.row(
            SQL(
                postgres:
                    "SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = :place AND attname = :name AND NOT attisdropped"
            ), ["place": place, "name": .text(source.definition.status)]) != nil
    }

    /// Functions beside the table, its own triggers and whole indexes, and the views that read it, as ``SourceObject``
    /// describes them.
    private func objects(of place: Value, on connection: any Connection) throws(DatabaseError) -> Set<String> {
        let rows = try connection.rows(
            SQL(
                postgres: """
                    SELECT 'function ' || p.proname
                    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_class AS c ON c.relnamespace = p.pronamespace
                    WHERE c.oid = :place AND p.pronargs = 0
                    UNION ALL
                    SELECT 'trigger ' || tgname FROM pg_catalog.pg_trigger WHERE tgrelid = :place
                    UNION ALL
                    SELECT 'index ' || c.relname
                    FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
                    WHERE i.indrelid = :place AND i.indisvalid
                    UNION
                    SELECT 'view ' || c.relname
                    FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
                        JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class AND c.relkind = 'v'
                    WHERE d.refobjid = :place AND d.classid = 'pg_catalog.pg_rewrite'::regclass
                    """), ["place": place])
        return Set(rows.map { $0.text(0) })
    }

    private func partitionsWithoutTriggers(on connection: any Connection) throws(DatabaseError) -> [TableName] {
        try Partitions.all(of: source.definition.tableName, on: connection).filter { partition in
            let names = Set(partition.triggers)
            return !ddl.statementTriggers.allSatisfy { names.contains($0.name) }
        }.map(\.table)
    }

    /// Those of our triggers that the owner has switched off (`ALTER TABLE … DISABLE TRIGGER`). They stay off: the sweep
    /// finds what is written meanwhile.
    package func switchedOff(on connection: any Connection) throws(DatabaseError) -> [String] {
        guard source.definition.dialect == .postgres,
            let place = try Partitions.place(of: source.definition.tableName, on: connection)
        else { return [] }
        let names = Set(ddl.triggers.map(\.name))
        return try connection.rows(
            SQL(
                postgres: """
                    SELECT tgname::text FROM pg_catalog.pg_trigger
                    WHERE tgrelid = :place AND tgenabled NOT IN ('O', 'A') ORDER BY 1
                    """), ["place": place]
        ).map { $0.text(0) }.filter(names.contains)
    }

    /// The types that the stored keys and vectors are written for.
    func requireTypes(_ shape: TableShape) throws(SourceError) {
        for column in shape.columns {
            guard let wanted = source.definition.types?[column.name], let type = column.type, type.quoted != wanted
            else { continue }
            throw SourceError(
                .unknownColumn,
                "column \"\(column.name)\" of \"\(shape.table)\" is now \(column.declaredType), which source \"\(source.collection)\" was not attached for: remove the source and attach the table anew, whose vectors are then taken over"
            )
        }
    }

    // MARK: Putting it back

    func restoreInPostgres(_ shape: TableShape, on connection: any Connection) throws {
        let missing = try missingInPostgres(on: connection)
        if missing.contains(where: { $0.hasPrefix("column ") }) { try connection.script(ddl.addStatusColumn) }
        if missing.contains(where: { $0.hasPrefix("function ") || $0.hasPrefix("trigger ") }) {
            // Those that a renamed table has kept go with it.
            try connection.script(ddl.dropTriggers)
            try connection.script(ddl.createTriggers)
            try TableRights(source.definition).handFunctions(of: ddl, on: connection)
        }
        for partition in try partitionsWithoutTriggers(on: connection) {
            try connection.script(ddl.createTriggers(onPartition: partition))
        }
        if source.definition.hasViews, missing.contains(where: { $0.hasPrefix("view ") }) {
            try connection.script(ddl.dropViews)
            try connection.script(ddl.createViews)
        }
    }
}
