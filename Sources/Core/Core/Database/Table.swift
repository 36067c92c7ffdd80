/// Millrace's own tables. They stand apart from the user's: SQLite prefix `millrace_` (PostgreSQL: a schema).
///
/// Statements name a table by interpolating a constant, so no text is ever rewritten.
package enum Table {
    package static let meta = "millrace_meta"
    package static let migration = "millrace_migration"
    package static let counter = "millrace_counter"
    package static let guardRow = "millrace_guard"
    package static let source = "millrace_source"
    package static let job = "millrace_job"
    package static let deadJob = "millrace_job_dead"
    package static let worker = "millrace_worker"
    package static let embedding = "millrace_embedding"
    package static let feed = "millrace_feed"
    package static let follower = "millrace_follower"
}
