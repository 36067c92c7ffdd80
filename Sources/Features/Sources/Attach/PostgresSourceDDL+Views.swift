import Core

extension PostgresSourceDDL {
    package var createViews: String {
        """
        CREATE VIEW \(definition.tableName.quoted(names.statusView))(embedding_status, count, percentage) AS
            SELECT word.status, COALESCE(counted.number, 0),
                round(100.0 * COALESCE(counted.number, 0) / GREATEST(sum(counted.number) OVER (), 1), 2)
            FROM (VALUES ('pending', 1), ('processing', 2), ('completed', 3), ('failed', 4), ('skipped', 5))
                    AS word(status, place)
                LEFT JOIN (
                    SELECT CASE WHEN t.\(status)::text IN ('processing', 'completed', 'failed', 'skipped')
                            THEN t.\(status)::text ELSE 'pending' END AS status,
                        count(*) AS number
                    FROM \(table) AS t GROUP BY 1) AS counted ON counted.status = word.status
            ORDER BY word.place;
        CREATE VIEW \(definition.tableName.quoted(names.queueView)) AS
            SELECT \(shown.map { "t.\($0)" }.joined(separator: ", ")), \(updated) AS updated_at,
                \(age) AS age_seconds
            FROM \(table) AS t WHERE t.\(status) IN ('pending', 'processing')
            ORDER BY updated_at;
        """
    }

    private var shown: [Identifier] {
        let columns =
            definition.suffix.isEmpty
            ? ObjectNames.referenceColumns.map { Identifier($0) } : keys + texts.filter { !keys.contains($0) }
        return columns.filter { !["updated_at", "age_seconds"].contains($0.name) }
    }

    private var updated: String {
        definition.updated.map { "t.\(Identifier($0))" } ?? "NULL::timestamptz"
    }

    /// Whole seconds; a column of text may hold anything, so its age is not known.
    private var age: String {
        let seconds: String
        switch definition.updated == nil ? nil : definition.updatedForm {
        case .timestamptz: seconds = "extract(epoch FROM now() - \(updated))"
        case .timestamp: seconds = "extract(epoch FROM \(localNow) - \(updated))"
        case .date: seconds = "extract(epoch FROM now() - \(updated)::timestamptz)"
        case .unixSeconds: seconds = "extract(epoch FROM now()) - \(updated)"
        case .unixMilliseconds: seconds = "extract(epoch FROM now()) - \(updated) / 1000"
        case .text, nil: return "NULL::bigint"
        }
        return "floor(\(seconds))::bigint"
    }

    /// The present moment as a column of type `timestamp` holds it: in the time zone that was the database's own when the
    /// source was attached.
    var localNow: String {
        "(now() AT TIME ZONE \(Key.quote(.text(definition.zone ?? "UTC"))))"
    }
}
