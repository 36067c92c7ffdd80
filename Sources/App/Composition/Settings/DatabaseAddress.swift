/// Where the database is, as `DATABASE_URL` says it.
package enum DatabaseAddress: Hashable, Sendable {
    /// A file, as an absolute path.
    case sqlite(String)
    /// A server, as a URL that libpq reads.
    case postgres(String)

    /// Reads `sqlite:///path/to/file`, `postgres://…` or `postgresql://…`.
    init(_ url: String) throws(Failure) {
        if url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") {
            self = .postgres(url)
        } else if url.hasPrefix("sqlite://"), url.count > "sqlite://".count {
            self = .sqlite(String(url.dropFirst("sqlite://".count)).absolutePath)
        } else {
            throw Failure(
                .config,
                "DATABASE_URL is \"\(Setting.database.shown(url))\": give sqlite:///path/to/file or postgres://user:password@host:port/database"
            )
        }
    }
}
