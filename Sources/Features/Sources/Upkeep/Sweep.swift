package import Core
package import Embedding

/// The guarantee behind the triggers: compares every row's input with what is recorded for it, both ways, in pages.
///
/// Finds what no trigger saw: REPLACE on another unique column, disabled triggers, rebuilt tables, restored files. It
/// never decides that a vector is right by its status, only by the hash of the row's present text.
package struct Sweep: Sendable {
    package struct Findings: Hashable, Sendable {
        package var rows = 0
        /// Rows without the embedding of their present text and without a job.
        package var wanted = 0
        /// Rows whose status did not say what is recorded.
        package var relabelled = 0
        /// Embeddings whose row is gone.
        package var ghosts = 0

        package init() {}

        package static func += (left: inout Findings, right: Findings) {
            left.rows += right.rows
            left.wanted += right.wanted
            left.relabelled += right.relabelled
            left.ghosts += right.ghosts
        }

        package var isClean: Bool { wanted == 0 && relabelled == 0 && ghosts == 0 }
    }

    private let database: any Database
    private let source: Source
    private let space: Space

    package init(database: any Database, source: Source, space: Space) {
        self.database = database
        self.source = source
        self.space = space
    }

    /// Compares the next page of rows. - Returns: the key to go on after, nil at the end, and what was found.
    package func rows(after key: String?, limit: Int) async throws -> (next: String?, findings: Findings) {
        let (source, space) = (source, space)
        let template = try source.template
        let (page, verdicts) = try await database.read { connection -> ([Row], [Verdict]) in
            // Rows that the backfill has not passed are its to judge: they may hold vectors to be taken over.
            guard try SourceStore().find(source.id, on: connection)?.state == .active else { return ([], []) }
            let page = try Backfill.page(after: key, source, limit: limit, wholeVectors: false, on: connection)
            let verdicts = try page.map { try Self.judge($0, source, space, template, on: connection) }
            return (page, verdicts)
        }
        var findings = Findings()
        findings.rows = page.count
        let suspects = zip(page, verdicts).filter { $0.1 != .right }.map(\.0)
        if !suspects.isEmpty {
            findings += try await mend(suspects.map { Key(literal: $0.text(0)) }, template)
        }
        return (page.count < limit ? nil : page.last?.text(0), findings)
    }

    private enum Verdict: Equatable {
        case right
        case wanted
        case relabel(String)
    }

    /// Looks again at suspect rows, now under the write lock, and mends them.
    private func mend(_ keys: [Key], _ template: Template) async throws -> Findings {
        let (source, space) = (source, space)
        return try await database.write { connection in
            let statements = RowStatements(source)
            var findings = Findings()
            var wanted: [Key] = []
            for key in keys {
                guard let parameters = statements.parameters(for: key),
                    let row = try connection.row(statements.sweepRow, parameters)
                else { continue }
                switch try Self.judge(row, source, space, template, on: connection) {
                case .right: break
                case .wanted: wanted.append(key)
                case .relabel(let status):
                    try unseenByTriggers(on: connection) { try RowWish(source).show(status, [key], on: connection) }
                    findings.relabelled += 1
                }
            }
            try RowWish(source).want(wanted, on: connection)
            findings.wanted = wanted.count
            return findings
        }
    }

    /// - Parameter row: stored key, status, whether there is a vector, text columns.
    private static func judge(
        _ row: Row, _ source: Source, _ space: Space, _ template: Template, on connection: any Connection
    ) throws -> Verdict {
        let parameters: Parameters = ["source": Value(source.id), "key": row[0]]
        let status = row[1].text ?? ""
        if let job = try connection.row(
            .both("SELECT state FROM \(Table.job) WHERE source_id = :source AND key = :key"), parameters)
        {
            return Self.matches(status, job: job.text(0))
        }
        let embedding = try connection.row(
            .both("SELECT input_hash, space FROM \(Table.embedding) WHERE source_id = :source AND key = :key"),
            parameters)
        let dead = try connection.row(
            .both("SELECT input_hash FROM \(Table.deadJob) WHERE source_id = :source AND key = :key"), parameters)
        let text: String?
        do {
            text = try template.render(Array(row.values[3...]))
        } catch {
            return dead == nil ? .wanted : status == "failed" ? .right : .relabel("failed")
        }
        guard let text else {
            guard embedding == nil, row.integer(2) == 0, status == "skipped" else { return .wanted }
            return .right
        }
        let hash = Value.blob(inputHash(text, space: space.id))
        if let embedding, embedding[0] == hash, embedding[1].text == space.id, row.integer(2) != 0 {
            return status == "completed" ? .right : .relabel("completed")
        }
        if let dead, dead[0] == hash || dead[0].isNull {
            return status == "failed" ? .right : .relabel("failed")
        }
        return .wanted
    }

    /// What a live job's row should say; `processing` and `pending` may each lag a little.
    private static func matches(_ status: String, job state: String) -> Verdict {
        switch (state, status) {
        case ("held", "failed"), ("running", "processing"), ("running", "pending"): .right
        case ("held", _): .relabel("failed")
        case ("running", _): .relabel("processing")
        case (_, "pending"): .right
        default: .relabel("pending")
        }
    }

    /// Compares the next page of embeddings with the table and removes those whose row is gone.
    package func ghosts(after item: Int64, limit: Int) async throws -> (next: Int64?, findings: Findings) {
        let source = source
        let statements = RowStatements(source)
        let page = try await database.read { connection in
            try connection.rows(
                .both(
                    """
                    SELECT id, key FROM \(Table.embedding) WHERE source_id = :source AND id > :item
                    ORDER BY id LIMIT :limit
                    """), ["source": Value(source.id), "item": .integer(item), "limit": Value(limit)]
            ).map { row in
                let key = Key(literal: row.text(1))
                let exists = try statements.parameters(for: key).flatMap {
                    try connection.row(statements.rowExists, $0)
                }
                return (item: row.integer(0), key: key, isGhost: exists == nil)
            }
        }
        let suspects = page.filter(\.isGhost).map(\.key)
        var findings = Findings()
        if !suspects.isEmpty {
            findings.ghosts = try await database.write { connection in
                var items: [Int64] = []
                for key in suspects {
                    let exists = try statements.parameters(for: key)
                        .flatMap { try connection.row(statements.rowExists, $0) }
                    guard exists == nil else { continue }
                    items += try EmbeddingStore().remove(key, source: source.id, on: connection)
                    try connection.run(
                        .both("DELETE FROM \(Table.job) WHERE source_id = :source AND key = :key"),
                        ["source": Value(source.id), "key": .text(key.literal)])
                    try JobStore().forgetDead([key], of: source.id, on: connection)
                }
                try FeedStore().append(items, of: source.id, now: .now(), on: connection)
                return items.count
            }
        }
        return (page.count < limit ? nil : page.last?.item, findings)
    }

    /// Both ways over everything, page after page: what an upkeep that found a changed schema does at once.
    package func whole(pageSize: Int = 1000) async throws -> Findings {
        var findings = Findings()
        var key: String?
        repeat {
            let (next, found) = try await rows(after: key, limit: pageSize)
            findings += found
            key = next
        } while key != nil
        var item: Int64? = 0
        while let after = item {
            let (next, found) = try await ghosts(after: after, limit: pageSize)
            findings += found
            item = next
        }
        return findings
    }
}
