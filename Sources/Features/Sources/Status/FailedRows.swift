package import Core

/// Tries failed rows again: what `jobs retry --failed` and the page's button do.
package struct FailedRows: Sendable {
    /// Rows per transaction.
    private static let page = 500

    private let database: any Database
    private let jobs = JobStore()

    package init(database: any Database) {
        self.database = database
    }

    /// Schedules dead and held jobs again. Every part given must match.
    ///
    /// - Parameter key: as people write it.
    /// - Returns: how many rows are pending again.
    package func retry(collection: String? = nil, reason: String? = nil, key: String? = nil) async throws -> Int {
        let sources = try await database.read { connection in
            if let collection { return [try SourceStore().named(collection, on: connection)] }
            return try SourceStore().all(on: connection)
        }
        var count = 0
        for source in sources {
            let keys: [Key?] = key.map { SourceKeys.candidates($0, of: source) } ?? [nil]
            for key in keys {
                while true {
                    let step = try await retryPage(source, reason, key)
                    count += step
                    if step < Self.page { break }
                }
            }
        }
        return count
    }

    private func retryPage(_ source: Source, _ reason: String?, _ key: Key?) async throws -> Int {
        let jobs = jobs
        return try await database.write { connection in
            let keys = try jobs.failed(source: source.id, reason: reason, key: key, limit: Self.page, on: connection)
            let locked = Set(try RowWish(source).want(keys, on: connection))
            let wanted = keys.filter { !locked.contains($0) }
            try jobs.forgetDead(wanted, of: source.id, on: connection)
            return wanted.count
        }
    }
}

/// Keys as people write them.
package enum SourceKeys {
    /// The stored keys that a written one may stand for: the type is not in the writing, so `17` may be a number or text.
    package static func candidates(_ written: String, of source: Source) -> [Key] {
        let parts =
            source.definition.key.count == 1
            ? [written] : written.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == source.definition.key.count else { return [Key(literal: written)] }
        var keys = [[Value]()]
        for part in parts {
            let values = [Value.text(part)] + (Int64(part).map { [Value.integer($0)] } ?? [])
            keys = keys.flatMap { key in values.map { key + [$0] } }
        }
        return keys.map { Key($0) } + [Key(literal: written)]
    }
}
