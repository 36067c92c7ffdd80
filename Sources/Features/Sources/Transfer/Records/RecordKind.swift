import Core

/// One of Millrace's own tables that belongs to sources, row by row: what of it is moved, and how its rows change.
struct RecordKind: Sendable {
    enum Column: String, Sendable {
        case id, source = "source_id", key, space, hash = "input_hash", vector, embeddedAt = "embedded_at"
        case state, priority, wantedRevision = "wanted_rev", attempt, crashes, aloneCrashes = "alone_crashes"
        case runAt = "run_at", error, reason, diedAt = "died_at"
    }

    let table: Table
    let columns: [Column]

    /// - Parameter keepsNumbers: rows have the numbers that they had, where nothing of the target's has them already.
    static func embeddings(keepsNumbers: Bool) -> RecordKind {
        RecordKind(
            table: .embedding,
            columns: (keepsNumbers ? [.id] : []) + [.source, .key, .space, .hash, .vector, .embeddedAt])
    }

    static func jobs(keepsNumbers: Bool) -> RecordKind {
        RecordKind(
            table: .job,
            columns: (keepsNumbers ? [.id] : [])
                + [
                    .source, .key, .state, .priority, .wantedRevision, .attempt, .crashes, .aloneCrashes, .runAt,
                    .error,
                ])
    }

    static let dead = RecordKind(
        table: .deadJob, columns: [.source, .key, .attempt, .reason, .error, .hash, .diedAt])

    func place(of column: Column) -> Int? {
        columns.firstIndex(of: column)
    }

    var keyPlace: Int { columns.firstIndex(of: .key) ?? 0 }

    private var names: String { columns.map(\.rawValue).joined(separator: ", ") }

    // MARK: Statements

    /// A page of one source's rows in the order of their keys.
    var page: SQL {
        .both(
            """
            SELECT \(names) FROM \(table) WHERE source_id = :source AND key > :after ORDER BY key LIMIT :limit
            """)
    }

    var count: SQL { .both("SELECT COUNT(*) FROM \(table) WHERE source_id = :source") }

    var insert: SQL {
        SQL(
            postgres:
                "INSERT INTO \(table)(\(names)) OVERRIDING SYSTEM VALUE VALUES (\(columns.map { ":\($0.rawValue)" }.joined(separator: ", ")))"
        )
    }

    /// Rows by their keys.
    var find: SQL {
        SQL(postgres: "SELECT \(names) FROM \(table) WHERE source_id = :source AND key = ANY (:keys::text[])")
    }

    func parameters(_ row: Row) -> Parameters {
        zip(columns, row.values).reduce(into: [:]) { $0[$1.0.rawValue] = $1.1 }
    }

    // MARK: Rows

    /// The row as the target is to have it. Running jobs have no worker there: they are available.
    func moved(_ row: Row, key: Key, to source: SourceID) -> Row {
        var values = row.values
        for (place, column) in columns.enumerated() {
            switch column {
            case .source: values[place] = Value(source)
            case .key: values[place] = .text(key.literal)
            case .state where values[place] == .text("running"): values[place] = .text("available")
            // A message may quote what PostgreSQL cannot store.
            case .error: values[place] = values[place].withoutNull
            default: break
            }
        }
        return Row(values)
    }
}

extension Value {
    fileprivate var withoutNull: Value {
        guard let text, text.utf8.contains(0) else { return self }
        return .text(text.replacing("\0", with: "\u{FFFD}"))
    }
}
