import Core

/// What the samples' tables need per database.
enum SampleTable {
    /// A row where a table named `:name` is there already.
    static let exists = SQL(
        sqlite: "SELECT 1 FROM sqlite_schema WHERE name = :name",
        postgres: "SELECT 1 WHERE to_regclass(:name) IS NOT NULL")

    /// A column of the present moment, in the database's natural type.
    static func moment(_ column: String, in dialect: Dialect) -> String {
        switch dialect {
        case .sqlite: "\(column) TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))"
        case .postgres: "\(column) timestamptz NOT NULL DEFAULT now()"
        }
    }
}
