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
        /// Who owns Millrace's schema.
        let keeper: Identifier
    }

    func roles(on connection: any Connection) throws(DatabaseError) -> Roles {
        let row = try connection.row(
            SQL(
                postgres: """
                    SELECT current_user::text, pg_catalog.pg_get_userbyid(nspowner)::text
                    FROM pg_catalog.pg_namespace WHERE nspname = 'millrace'
                    """))
        return Roles(
            millrace: Identifier(row?[0].text ?? "millrace"), keeper: Identifier(row?[1].text ?? "millrace"))
    }

    /// Gives the functions behind the triggers to the owner of Millrace's schema, where the present role may: they run with
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

    /// For a role that does nothing but embed: it reads key, text and what it writes, and writes three columns.
    func grants(to role: Identifier) -> String {
        let written = [definition.into, definition.status] + (definition.updated.map { [$0] } ?? [])
        var read: [String] = []
        for name in definition.key + definition.text + written where !read.contains(name) { read.append(name) }
        func list(_ names: [String]) -> String { names.map { Identifier($0).quoted }.joined(separator: ", ") }
        return """
            -- No more than it needs to embed.
            GRANT USAGE ON SCHEMA \(Identifier(definition.schema ?? "")) TO \(role);
            GRANT SELECT (\(list(read))), UPDATE (\(list(written))) ON \(definition.tableName.quoted) TO \(role);
            """
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
                        (SELECT pg_catalog.pg_get_userbyid(n.nspowner)::text
                            FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'millrace')
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
