package import Core

/// What a source puts into a PostgreSQL database.
///
/// A row trigger writes `pending` into the tuple that the user's statement is writing anyway, and nothing else. What is
/// to be done is entered once for each statement, from its transition tables, by functions in Millrace's own schema: if
/// that schema is dropped, the triggers go with it and the user's table goes on working.
///
/// No trigger waits for a user: whoever writes a job's row holds the lock of the user's row, or holds it for the
/// moment of a claim or a settlement, which themselves wait for nobody.
package struct PostgresSourceDDL: SourceDDL {
    package let source: SourceID
    package let definition: SourceDefinition
    package let names: ObjectNames

    var table: String { definition.tableName.quoted }
    var status: Identifier { Identifier(definition.status) }
    var keys: [Identifier] { definition.key.map { Identifier($0) } }
    var texts: [Identifier] { definition.text.map { Identifier($0) } }
    private let job = Table.job.name(in: .postgres)

    package init(source: SourceID, definition: SourceDefinition) {
        self.source = source
        self.definition = definition
        self.names = ObjectNames(suffix: definition.suffix, longest: 63)
    }

    /// Whether a key column's text is bare in stored keys.
    static func isBare(_ type: String?) -> Bool {
        ["int2", "int4", "int8"].contains { type == "\"pg_catalog\".\"\($0)\"" }
    }

    /// Integers bare, everything else as its text in quotes. Compared byte for byte: `1.0` and `1.00` are two keys, as are
    /// `Abc` and `abc` where the column's own type or collation holds them equal.
    package func keyExpression(_ row: String) -> String {
        let parts = definition.key.map { column in
            let text = "\(row)\(Identifier(column))::text"
            return Self.isBare(definition.types?[column]) ? text : "'''' || replace(\(text), '''', '''''') || ''''"
        }
        return "(\(parts.joined(separator: " || ',' || "))) COLLATE \"C\""
    }

    /// Text for text, so that it serves types without an equality (json) and those whose equality is wider (citext).
    static func differ(_ columns: [Identifier], _ one: String, _ other: String) -> String {
        columns.map { "\(one)\($0)::text COLLATE \"C\" IS DISTINCT FROM \(other)\($0)::text" }
            .joined(separator: "\n        OR ")
    }

    // MARK: Functions

    private func function(_ event: String) -> String {
        "millrace.source_\(source)_\(event)"
    }

    private static let events = ["ins", "upd", "del", "trunc", "again"]

    /// Runs with the rights of the owner of Millrace's schema, so that a user needs none there.
    private func function(_ event: String, declare: String = "", settings: [String] = [], _ body: String) -> String {
        let settings = ["search_path = pg_catalog, pg_temp"] + textSettings + settings
        return """
            CREATE OR REPLACE FUNCTION \(function(event))() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER
            \(settings.map { "SET \($0)" }.joined(separator: "\n"))
            AS \(Self.dollarQuoted("\(declare)BEGIN\n    \(body.indented)\n    RETURN NULL;\nEND"));
            """
    }

    /// A date's text depends on the user's settings; a stored key must not.
    private var textSettings: [String] {
        let isPlain = definition.key.allSatisfy { column in
            let type = definition.types?[column]
            return Self.isBare(type)
                || ["text", "varchar", "bpchar", "uuid"].contains { type == "\"pg_catalog\".\"\($0)\"" }
        }
        return isPlain
            ? []
            : [
                "timezone = 'UTC'", "datestyle = 'ISO, YMD'", "intervalstyle = 'postgres'", "extra_float_digits = 1",
                "bytea_output = 'hex'",
            ]
    }

    /// The text between dollar quotes that it does not hold itself.
    static func dollarQuoted(_ text: String) -> String {
        var tag = "$millrace$"
        while text.contains(tag) { tag = "$\(tag.dropFirst().dropLast())_$" }
        return "\(tag)\n\(text)\n\(tag)"
    }

    private func enqueue(_ values: String) -> String {
        """
        INSERT INTO \(job) AS job (source_id, key)
        \(values)
        ON CONFLICT (source_id, key) DO UPDATE SET
            wanted_rev = job.wanted_rev + 1, attempt = 0, crashes = 0, alone_crashes = 0, run_at = NULL,
            state = CASE job.state WHEN 'running' THEN 'running' ELSE 'available' END;
        """
    }

    /// In pieces, since a statement may take more rows away than one array holds.
    private func forget(_ from: String) -> String {
        """
        FOR gone IN
            SELECT array_agg(piece.key) FROM (
                SELECT \(keyExpression("o.")) AS key, (row_number() OVER () - 1) / 10000 AS number
                FROM \(from)) AS piece
            GROUP BY piece.number
        LOOP
            PERFORM millrace.forget(\(source), gone);
        END LOOP;
        """
    }

    /// The function that sets the status; it touches nothing but the row that is being written.
    private var pendingFunction: String {
        let name = definition.tableName.quoted(names.pendingFunction)
        // A BEFORE trigger does not see what a generated column will hold.
        let columns = texts + keys.filter { definition.generatedKeys?.contains($0.name) != true }
        return """
            CREATE OR REPLACE FUNCTION \(name)() RETURNS trigger LANGUAGE plpgsql AS \(Self.dollarQuoted("""
                BEGIN
                    IF TG_OP = 'INSERT' THEN
                        NEW.\(status) := 'pending';
                    ELSIF \(Self.differ(columns, "NEW.", "OLD.").indented) THEN
                        NEW.\(status) := 'pending';
                    END IF;
                    RETURN NEW;
                END
                """));
            """
    }

    private var insertFunction: String {
        function("ins", enqueue("SELECT DISTINCT \(source), \(keyExpression("n.")) FROM new_rows AS n ORDER BY 2"))
    }

    /// Old and new rows are paired by the key, text for text, and a pair is wanted where its text differs or its status has
    /// become pending. A plan made for one row must not be a nested loop: 10,000 rows would then take minutes.
    private var updateFunction: String {
        let (new, old) = (keyExpression("n."), keyExpression("o."))
        let pending = "\(status)::text"
        return function(
            "upd", declare: "DECLARE\n    gone text[];\n", settings: ["enable_nestloop = off"],
            """
            \(enqueue("""
                SELECT DISTINCT \(source), \(new)
                FROM new_rows AS n LEFT JOIN old_rows AS o ON \(old) = \(new)
                WHERE o.\(keys[0]) IS NULL
                    OR n.\(pending) = 'pending' AND o.\(pending) IS DISTINCT FROM 'pending'
                    OR \(Self.differ(texts, "n.", "o."))
                ORDER BY 2
                """))
            -- Keys that no row has any more.
            \(forget("old_rows AS o WHERE NOT EXISTS (SELECT FROM new_rows AS n WHERE \(new) = \(old))"))
            """)
    }

    private var deleteFunction: String {
        function("del", declare: "DECLARE\n    gone text[];\n", forget("old_rows AS o"))
    }

    private var truncateFunction: String {
        let embedding = Table.embedding.name(in: .postgres)
        return function(
            "trunc",
            """
            INSERT INTO \(Table.feedIn.name(in: .postgres))(source_id, item_id, at)
            SELECT source_id, id, \(SQLText.now.text(for: .postgres))
            FROM \(embedding) WHERE source_id = \(source);
            DELETE FROM \(embedding) WHERE source_id = \(source);
            DELETE FROM \(job) WHERE source_id = \(source);
            DELETE FROM \(Table.deadJob.name(in: .postgres)) WHERE source_id = \(source);
            """)
    }

    private var againFunction: String {
        function("again", enqueue("VALUES (\(source), \(keyExpression("NEW.")))"))
    }

    package var createFunctions: String {
        let revoke =
            Self.events.map { "\(function($0))()" } + ["\(definition.tableName.quoted(names.pendingFunction))()"]
        return """
            \(pendingFunction)

            \(insertFunction)

            \(updateFunction)

            \(deleteFunction)

            \(truncateFunction)

            \(againFunction)

            REVOKE ALL ON FUNCTION \(revoke.joined(separator: ", ")) FROM PUBLIC;
            """
    }

    /// Gives the functions to the owner of Millrace's schema, for a script that somebody else runs.
    package func handFunctions(to owner: Identifier) -> String {
        Self.events.map { "ALTER FUNCTION \(function($0))() OWNER TO \(owner);" }.joined(separator: "\n")
    }

    // MARK: Triggers

    /// Millrace's own statements say what they are; what a user's trigger does because of one is the user's.
    private let unseen =
        "current_setting('millrace.internal', true) IS DISTINCT FROM 'on' OR pg_trigger_depth() > 0"

    private func trigger(_ name: Identifier, _ when: String, on table: String, _ event: String) -> String {
        """
        CREATE TRIGGER \(name) \(when) ON \(table)
            \(event)
        """
    }

    private func statementTrigger(
        _ name: Identifier, _ event: String, _ rows: String, on table: String, _ function: String
    ) -> String {
        trigger(
            name, "AFTER \(event)", on: table,
            """
            \(rows.isEmpty ? "" : "REFERENCING \(rows) ")FOR EACH STATEMENT
                WHEN (\(unseen))
                EXECUTE FUNCTION \(self.function(function))();
            """)
    }

    /// The triggers of a partition: a direct write to it fires no statement trigger of its parent's.
    package func createTriggers(onPartition partition: TableName) -> String {
        let drops = statementTriggers.map { "DROP TRIGGER IF EXISTS \($0) ON \(partition.quoted);" }
        return (drops + [createStatementTriggers(on: partition.quoted)]).joined(separator: "\n")
    }

    private func createStatementTriggers(on table: String) -> String {
        [
            statementTrigger(names.insertTrigger, "INSERT", "NEW TABLE AS new_rows", on: table, "ins"),
            statementTrigger(
                names.updateTrigger, "UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows", on: table, "upd"),
            statementTrigger(names.deleteTrigger, "DELETE", "OLD TABLE AS old_rows", on: table, "del"),
        ].joined(separator: "\n")
    }

    package var createTriggers: String {
        """
        \(createFunctions)

        -- Written with the row itself, on a partitioned table in every partition: a new row, another text or another key.
        \(trigger(names.statusTrigger, "BEFORE INSERT OR UPDATE", on: table, """
            FOR EACH ROW
                WHEN (\(unseen))
                EXECUTE FUNCTION \(definition.tableName.quoted(names.pendingFunction))();
            """))

        -- Once for each statement.
        \(createStatementTriggers(on: table))
        \(statementTrigger(names.truncateTrigger, "TRUNCATE", "", on: table, "trunc"))

        -- Set to pending by hand where it was pending already: the statement's rows alone do not show that wish.
        \(trigger(names.againTrigger, "AFTER UPDATE OF \(status)", on: table, """
            FOR EACH ROW
                WHEN (OLD.\(status) = 'pending' AND NEW.\(status) = 'pending'
                    AND (\(unseen)))
                EXECUTE FUNCTION \(function("again"))();
            """))
        """
    }

    /// The names of the triggers on the table itself, and of those that each partition has too.
    var triggers: [Identifier] {
        [names.statusTrigger] + statementTriggers + [names.truncateTrigger, names.againTrigger]
    }
    var statementTriggers: [Identifier] { [names.insertTrigger, names.updateTrigger, names.deleteTrigger] }

    /// The triggers on partitions go with their functions.
    package var dropTriggers: String {
        let functions = ["\(definition.tableName.quoted(names.pendingFunction))"] + Self.events.map(function)
        return (triggers.map(dropTrigger) + functions.map { "DROP FUNCTION IF EXISTS \($0)() CASCADE;" })
            .joined(separator: "\n")
    }

    private func dropTrigger(_ name: Identifier) -> String {
        "DROP TRIGGER IF EXISTS \(name) ON \(table);"
    }

    /// Their function is not dropped from under triggers on other tables.
    package var dropTaken: String {
        let views = definition.hasViews ? [dropViews] : []
        let function = "DROP FUNCTION IF EXISTS \(definition.tableName.quoted(names.pendingFunction))();"
        return (views + triggers.map(dropTrigger) + [function] + dropIndexes).joined(separator: "\n")
    }

    private var dropIndexes: [String] {
        indexes.map { "DROP INDEX IF EXISTS \(definition.tableName.quoted($0.name));" }
    }

    // MARK: Columns and objects

    package var addStatusColumn: String {
        "ALTER TABLE \(table) ADD COLUMN \(status) text NOT NULL DEFAULT 'pending';"
    }

    package var dropStatusColumn: String {
        "ALTER TABLE \(table) DROP COLUMN \(status);"
    }

    package var indexes: [SourceIndex] {
        [SourceIndex(name: names.statusIndex, column: status)]
            + (definition.updated.map { [SourceIndex(name: names.updatedIndex, column: Identifier($0))] } ?? [])
    }

    package var objects: [SourceObject] {
        [SourceObject(.function, names.pendingFunction)] + triggers.map { SourceObject(.trigger, $0) }
            + (definition.hasViews ? names.views.map { SourceObject(.view, $0) } : [])
            + indexes.map { SourceObject(.index, $0.name) }
    }

    package var dropObjects: String {
        ([definition.hasViews ? dropViews : "", dropTriggers] + dropIndexes).joined(separator: "\n")
    }

    package var dropViews: String {
        names.views.map { "DROP VIEW IF EXISTS \(definition.tableName.quoted($0));" }.joined(separator: "\n")
    }
}
