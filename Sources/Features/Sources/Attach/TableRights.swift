import Core

/// What PostgreSQL must allow a role for a source: little for keeping it in step, much for attaching it.
struct TableRights: Sendable {
    private let definition: SourceDefinition

    init(_ definition: SourceDefinition) {
        self.definition = definition
    }

    struct Roles {
        /// As which Millrace is connected.
        let millrace: Identifier
        /// Who owns Millrace's tables.
        let keeper: Identifier
    }

    func roles(on connection: any Connection) throws(DatabaseError) -> Roles {
        let row = try connection.row(
            SQL(
                postgres: """
                    SELECT current_user::text, tableowner::text
                    FROM pg_catalog.pg_tables WHERE schemaname = 'millrace' AND tablename = 'job'
                    """))
        return Roles(
            millrace: Identifier(row?[0].text ?? "millrace"), keeper: Identifier(row?[1].text ?? "millrace"))
    }

    /// Gives the functions behind the triggers to the owner of Millrace's tables, where the present role may: they run with
    /// their owner's rights, and a table's owner may lose its rights to Millrace's tables when it has attached.
    func handFunctions(of ddl: PostgresSourceDDL, on connection: any Connection) throws {
        let roles = try roles(on: connection)
        guard roles.keeper.name != roles.millrace.name else { return }
        let row = try connection.row(
            SQL(
                postgres:
                    "SELECT pg_catalog.pg_has_role(:keeper, 'MEMBER') AND pg_catalog.has_schema_privilege(:keeper, 'millrace', 'CREATE')"
            ), ["keeper": .text(roles.keeper.name)])
        if row?.integer(0) == 1 { try connection.script(ddl.handFunctions(to: roles.keeper)) }
    }

    private var written: [String] {
        [definition.into, definition.status] + (definition.updated.map { [$0] } ?? [])
    }
    private var read: [String] {
        (definition.key + definition.text + written).reduce(into: []) { names, name in
            if !names.contains(name) { names.append(name) }
        }
    }

    /// For a role that does nothing but embed: it reads key, text and what it writes, and writes three columns.
    func grants(to role: Identifier) -> String {
        """
        -- No more than it needs to embed.
        \(useGrant(to: role.quoted, Identifier(definition.schema ?? "").quoted));
        \(columnGrant(to: role.quoted, definition.tableName.quoted, \.quoted));
        """
    }

    private func useGrant(to role: String, _ schema: String) -> String {
        "GRANT USAGE ON SCHEMA \(schema) TO \(role)"
    }

    private func columnGrant(to role: String, _ table: String, _ spell: (Identifier) -> String) -> String {
        func list(_ names: [String]) -> String { names.map { spell(Identifier($0)) }.joined(separator: ", ") }
        return "GRANT SELECT (\(list(read))), UPDATE (\(list(written))) ON \(table) TO \(role)"
    }

    /// Whether the present role may read and write what the work needs. A table or column that is gone is another matter.
    ///
    /// - Throws: ``SourceError/Code/notAllowed`` with the GRANT.
    func requireWork(on connection: any Connection) throws {
        guard connection.dialect == .postgres else { return }
        func named(_ names: [String]) -> String {
            "a.attrelid = c.oid AND a.attname IN (\(names.map { Key.quote(.text($0)) }.joined(separator: ", ")))"
        }
        let row = try connection.row(
            SQL(
                postgres: """
                    SELECT current_user::text, pg_catalog.pg_get_userbyid(c.relowner)::text,
                        pg_catalog.pg_get_userbyid(n.nspowner)::text, pg_catalog.has_schema_privilege(n.oid, 'USAGE')::int,
                        (COALESCE((SELECT bool_and(pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'))
                                FROM pg_catalog.pg_attribute AS a WHERE \(named(read))), true)
                            AND COALESCE((SELECT bool_and(pg_catalog.has_column_privilege(c.oid, a.attnum, 'UPDATE'))
                                FROM pg_catalog.pg_attribute AS a WHERE \(named(written))), true))::int
                    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE n.nspname = :schema AND c.relname = :name
                    """), ["schema": Value(definition.schema), "name": .text(definition.table)])
        guard let row, row.integer(3) == 0 || row.integer(4) == 0 else { return }
        let (role, table) = (TableName.plain(row.text(0)), definition.tableName.description)
        let schema = TableName.plain(definition.schema ?? "")
        throw SourceError(
            .notAllowed,
            row.integer(3) == 0
                ? "role \(role) may not use schema \(schema), where \(table) is: let \(TableName.plain(row.text(2))) run \(useGrant(to: role, schema))"
                : "role \(role) may not read and write what it must of \(table): let \(TableName.plain(row.text(1))) run \(columnGrant(to: role, table) { TableName.plain($0.name) })"
        )
    }

    /// Whether the present role may alter the table and put objects beside it, or take them away. A table that is gone
    /// is nobody's.
    ///
    /// - Parameter isNew: the source is to be attached, for which there is another way.
    /// - Throws: ``SourceError/Code/notAllowed`` with what to do where it may not.
    func requireOwner(isNew: Bool = false, on connection: any Connection) throws {
        guard connection.dialect == .postgres else { return }
        let row = try connection.row(
            SQL(
                postgres: """
                    SELECT current_user::text, pg_catalog.pg_get_userbyid(c.relowner)::text,
                        pg_catalog.pg_has_role(c.relowner, 'USAGE')::int,
                        pg_catalog.has_schema_privilege(c.relnamespace, 'CREATE')::int,
                        pg_catalog.has_schema_privilege('millrace', 'CREATE')::int,
                        (SELECT tableowner::text FROM pg_catalog.pg_tables
                            WHERE schemaname = 'millrace' AND tablename = 'job')
                    FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass(:table)
                    """), ["table": .text(definition.tableName.quoted)])
        guard let row else { return }
        let (role, owner) = (TableName.plain(row.text(0)), TableName.plain(row.text(1)))
        let schema = TableName.plain(definition.schema ?? "")
        let refusal: String? =
            if row.integer(2) == 0 {
                "\(definition.tableName) belongs to \(owner), and role \(role) may not alter it: "
                    + (isNew
                        ? "let \(owner) run the SQL that millrace source add prints with --print-sql, or attach with a URL of \(owner)"
                        : "run millrace source add, suspend, resume and remove with a URL of \(owner)")
            } else if row.integer(3) == 0, isNew {
                "role \(role) may make nothing in schema \(schema), where the views and a function go: let the schema's owner run GRANT CREATE ON SCHEMA \(schema) TO \(role)"
            } else if row.integer(4) == 0 {
                "role \(role) may make nothing in schema millrace, where the functions go: let an administrator run GRANT \(TableName.plain(row.text(5))) TO \(role), for as long as it attaches"
            } else {
                nil
            }
        if let refusal { throw SourceError(.notAllowed, refusal) }
    }
}

extension AttachPlan {
    /// Refuses before anything is begun where the role could not finish it.
    func requireRights(on connection: any Connection) throws {
        // What is attached already needs nothing more.
        guard definition.dialect == .postgres, present == nil else { return }
        try TableRights(definition).requireOwner(isNew: true, on: connection)
    }
}
