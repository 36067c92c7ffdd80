package import Core
import FoundationEssentials

/// What a source watches and where it writes: as the user said it, completed by what attaching found out.
///
/// Stored as JSON in `millrace_source.definition`.
package struct SourceDefinition: Codable, Hashable, Sendable {
    /// The user's table, without its schema.
    package var table: String
    /// The table's schema on PostgreSQL, nil on SQLite.
    package var schema: String?
    /// Columns that together identify a row: UNIQUE and NOT NULL.
    package var key: [String]
    /// Columns whose text is embedded.
    package var text: [String]
    /// How several columns become one text; see ``Template``.
    package var template: String?
    /// The column that receives the vector.
    package var into: String
    package var format: VectorFormat
    /// The column that shows the row's state.
    package var status: String
    /// A column that is set to the present time when a row is settled.
    package var updated: String?
    package var updatedForm: TimeForm?
    package var model: String
    /// Length of the model's vectors.
    package var dimension: Int
    /// Appended to the names of the objects that Millrace makes; empty for the reference table.
    package var suffix: String
    package var hasViews: Bool
    /// Whether attaching made the status column, so that removing drops it.
    package var madeStatusColumn: Bool
    /// PostgreSQL: the types of the key columns and of the vector's, by column, as they are written into a cast:
    /// `"pg_catalog"."uuid"`. Of a domain, the type beneath it.
    package var types: [String: String]?
    /// PostgreSQL: key columns that are generated; a BEFORE trigger does not see their new values.
    package var generatedKeys: [String]?
    /// PostgreSQL: the time zone in which ``updated`` of type `timestamp` is written.
    package var zone: String?
    /// Why Millrace suspended the source of itself, where it did.
    package var fault: String?

    /// How the user's table writes a moment.
    package enum TimeForm: String, Codable, Sendable {
        /// `2026-01-31 12:34:56.789`, UTC, as SQLite's date functions read it.
        case text
        case unixSeconds
        case unixMilliseconds
        /// PostgreSQL's types of these names.
        case timestamptz
        case timestamp
        case date
    }

    package init(
        table: String, key: [String], text: [String], template: String? = nil, into: String,
        format: VectorFormat = .json, status: String = "embedding_status", updated: String? = nil,
        updatedForm: TimeForm? = nil, model: String, dimension: Int, suffix: String = "", hasViews: Bool = true,
        madeStatusColumn: Bool = false
    ) {
        self.table = table
        self.key = key
        self.text = text
        self.template = template
        self.into = into
        self.format = format
        self.status = status
        self.updated = updated
        self.updatedForm = updatedForm
        self.model = model
        self.dimension = dimension
        self.suffix = suffix
        self.hasViews = hasViews
        self.madeStatusColumn = madeStatusColumn
    }

    /// The database that the source is in.
    package var dialect: Dialect {
        schema == nil ? .sqlite : .postgres
    }

    package var tableName: TableName {
        TableName(schema: schema, table)
    }

    func encoded() -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(self) else { preconditionFailure("a definition is always valid JSON") }
        return String(decoding: data, as: UTF8.self)
    }

    static func decoded(_ text: String) throws(SourceError) -> SourceDefinition {
        do {
            return try JSONDecoder().decode(SourceDefinition.self, from: Array(text.utf8).data)
        } catch {
            throw SourceError(
                .damaged,
                "a source's definition in Millrace's table of sources cannot be read (\(error)): restore it or remove the row"
            )
        }
    }
}

extension [UInt8] {
    var data: Data { Data(self) }
}
