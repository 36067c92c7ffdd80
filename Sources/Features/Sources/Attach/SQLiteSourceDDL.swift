package import Core

/// What a source puts into a SQLite file.
///
/// One rule keeps the triggers cheap: a new row or text pays for one upsert. Those on insert and on the text set the
/// row's status to `pending`, and the one on the status enqueues, as it does where a user sets it; where the row is
/// pending already that one does not fire, and they enqueue themselves.
package struct SQLiteSourceDDL: SourceDDL {
    package let source: SourceID
    package let definition: SourceDefinition
    package let names: ObjectNames

    private var table: Identifier { Identifier(definition.table) }
    private var status: Identifier { Identifier(definition.status) }
    private var keys: [Identifier] { definition.key.map { Identifier($0) } }
    private var texts: [Identifier] { definition.text.map { Identifier($0) } }

    package init(source: SourceID, definition: SourceDefinition) {
        self.source = source
        self.definition = definition
        self.names = ObjectNames(suffix: definition.suffix)
    }

    package func keyExpression(_ row: String) -> String {
        keys.map { "quote(\(row)\($0))" }.joined(separator: " || ',' || ")
    }

    private func sameRow(as row: String) -> String {
        keys.map { "\($0) = \(row)\($0)" }.joined(separator: " AND ")
    }

    private func differ(_ columns: [Identifier]) -> String {
        columns.map { "OLD.\($0) IS NOT NEW.\($0) COLLATE BINARY" }.joined(separator: " OR ")
    }

    private let unguarded = "NOT EXISTS (SELECT 1 FROM \(Table.guardRow.name(in: .sqlite)))"

    private func enqueue(_ values: String) -> String {
        """
        INSERT INTO \(Table.job.name(in: .sqlite))(source_id, key) \(values)
            ON CONFLICT (source_id, key) DO UPDATE SET
                wanted_rev = wanted_rev + 1, attempt = 0, crashes = 0, alone_crashes = 0, run_at = NULL,
                state = CASE state WHEN 'running' THEN 'running' ELSE 'available' END;
        """
    }

    private func setPending(_ row: String) -> String {
        "UPDATE \(table) SET \(status) = 'pending' WHERE \(sameRow(as: row)) AND \(status) IS NOT 'pending';"
    }

    private func forget(_ row: String) -> String {
        let matches = "source_id = \(source) AND key = \(keyExpression(row))"
        return """
            INSERT INTO \(Table.feed.name(in: .sqlite))(source_id, item_id, at)
                SELECT source_id, id, \(SQLText.now.text(for: .sqlite))
                FROM \(Table.embedding.name(in: .sqlite)) WHERE \(matches);
            DELETE FROM \(Table.embedding.name(in: .sqlite)) WHERE \(matches);
            DELETE FROM \(Table.job.name(in: .sqlite)) WHERE \(matches);
            DELETE FROM \(Table.deadJob.name(in: .sqlite)) WHERE \(matches);
            """
    }

    // MARK: Text

    package var addStatusColumn: String {
        "ALTER TABLE \(table) ADD COLUMN \(status) TEXT NOT NULL DEFAULT 'pending';"
    }

    package var dropStatusColumn: String {
        "ALTER TABLE \(table) DROP COLUMN \(status);"
    }

    package var createTriggers: String {
        """
        -- The status was set to pending, by hand or by the triggers below: the row is to be embedded.
        CREATE TRIGGER \(names.statusTrigger) AFTER UPDATE OF \(status) ON \(table)
        WHEN NEW.\(status) IS 'pending' AND \(unguarded)
        BEGIN
            \(enqueue("VALUES (\(source), \(keyExpression("NEW.")))").indented)
        END;

        -- A new row, or one replaced by INSERT OR REPLACE.
        CREATE TRIGGER \(names.insertTrigger) AFTER INSERT ON \(table)
        WHEN \(unguarded)
        BEGIN
            \(setPending("NEW."))
            \(enqueue("SELECT \(source), \(keyExpression("NEW.")) WHERE NEW.\(status) IS 'pending'").indented)
        END;

        -- The text really changed. Where the row was pending already, the trigger on the status does not fire, and its
        -- job may wait for a retry, or not exist yet: the backfill has not passed.
        CREATE TRIGGER \(names.updateTrigger) AFTER UPDATE OF \(texts.list) ON \(table)
        WHEN (\(differ(texts))) AND \(unguarded)
        BEGIN
            \(setPending("NEW."))
            \(enqueue("SELECT \(source), \(keyExpression("NEW.")) WHERE OLD.\(status) IS 'pending'").indented)
        END;

        -- The key changed: the old row is gone, a new one is there.
        CREATE TRIGGER \(names.keyTrigger) AFTER UPDATE OF \(keys.list) ON \(table)
        WHEN (\(differ(keys))) AND \(unguarded)
        BEGIN
            \(forget("OLD.").indented)
            \(setPending("NEW."))
            \(enqueue("VALUES (\(source), \(keyExpression("NEW.")))").indented)
        END;

        -- The row is gone, and its vector leaves the index.
        CREATE TRIGGER \(names.deleteTrigger) AFTER DELETE ON \(table)
        BEGIN
            \(forget("OLD.").indented)
        END;
        """
    }

    package var dropTriggers: String {
        triggers.map { "DROP TRIGGER IF EXISTS \($0);" }.joined(separator: "\n")
    }

    private var triggers: [Identifier] {
        [names.statusTrigger, names.insertTrigger, names.updateTrigger, names.keyTrigger, names.deleteTrigger]
    }

    package var indexes: [SourceIndex] {
        [SourceIndex(name: names.statusIndex, column: Identifier(definition.status))]
            + (definition.updated.map { [SourceIndex(name: names.updatedIndex, column: Identifier($0))] } ?? [])
    }

    package var createIndexes: String {
        indexes.map { "CREATE INDEX IF NOT EXISTS \($0.name) ON \(table)(\($0.column));" }.joined(separator: "\n")
    }

    package var objects: [SourceObject] {
        triggers.map { SourceObject(.trigger, $0) }
            + (definition.hasViews ? names.views.map { SourceObject(.view, $0) } : [])
            + indexes.map { SourceObject(.index, $0.name) }
    }

    package var dropObjects: String {
        objects.map { "DROP \($0.kind) IF EXISTS \($0.name);" }.joined(separator: "\n")
    }

    package var createViews: String {
        let updated = definition.updated.map { Identifier($0).quoted }
        let isReference = definition.suffix.isEmpty
        let shown =
            isReference ? [Identifier("id"), "part_id", "feature_text"] : keys + texts.filter { !keys.contains($0) }
        let age =
            updated.map { column in
                """
                CASE typeof(\(column))
                        WHEN 'text' THEN CAST((julianday('now') - julianday(\(column))) * 86400 AS INTEGER)
                        WHEN 'integer' THEN CAST(strftime('%s', 'now') AS INTEGER)
                            - CASE WHEN \(column) > 100000000000 THEN \(column) / 1000 ELSE \(column) END
                    END
                """
            } ?? "NULL"
        return """
            CREATE VIEW \(names.statusView)(embedding_status, count, percentage) AS
                WITH millrace_word(status, place) AS (
                        VALUES ('pending', 1), ('processing', 2), ('completed', 3), ('failed', 4), ('skipped', 5)),
                    millrace_counted(status, count) AS (SELECT \(status), COUNT(*) FROM \(table) GROUP BY \(status)),
                    millrace_total(count) AS (SELECT SUM(count) FROM millrace_counted)
                SELECT word.status, COALESCE(SUM(counted.count), 0),
                    ROUND(COALESCE(100.0 * SUM(counted.count) / total.count, 0), 2)
                FROM millrace_total AS total CROSS JOIN millrace_word AS word
                    LEFT JOIN millrace_counted AS counted ON counted.status = word.status
                        OR word.status = 'pending' AND (counted.status IS NULL
                            OR counted.status NOT IN (SELECT status FROM millrace_word))
                GROUP BY word.place
                ORDER BY word.place;
            CREATE VIEW \(names.queueView) AS
                SELECT \(shown.list), \(updated ?? "NULL") AS updated_at,
                    \(age) AS age_seconds
                FROM \(table) WHERE \(status) IN ('pending', 'processing')
                ORDER BY updated_at;
            """
    }

    package var dropViews: String {
        names.views.map { "DROP VIEW IF EXISTS \($0);" }.joined(separator: "\n")
    }
}
