import Core
import DatabasePostgres
import DatabaseSQLite
import Logging

/// The product's database for a URL, with the product's settings: each commit waits for the disk, if the server does.
func open(_ url: String) async throws -> any Database {
    var logger = Logger(label: "bench-queue")
    logger.logLevel = .error
    if url.hasPrefix("postgres") {
        var options = PostgresDatabase.Options()
        options.listens = false
        return try await PostgresDatabase.open(url, options: options, logger: logger)
    }
    return try await SQLiteDatabase.open(path: url.replacing("sqlite://", with: ""), logger: logger)
}
