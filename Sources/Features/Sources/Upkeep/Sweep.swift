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
        let (page, records) = try await database.read { connection -> ([Row], Records) in
            // Rows that the backfill has not passed are its to judge: they may hold vectors to be taken over.
            guard try SourceStore().find(source.id, on: connection)?.state == .active else { return ([], Records()) }
            let page = try Backfill.page(after: key, source, limit: limit, wholeVectors: false, on: connection)
            return (page, try Records.read(page.map { Key(literal: $0.text(0)) }, of: source, on: connection))
        }
        var findings = Findings()
        findings.rows = page.count
        // After the transaction, for whose end a user may wait who wants the whole table.
        let suspects = page.filter { Self.judge($0, space, template, records) != .right }
        for start in stride(from: 0, to: suspects.count, by: Self.rowsPerTransaction) {
            let part = suspects[start..<min(start + Self.rowsPerTransaction, suspects.count)]
            findings += try await mend(part.map { Key(literal: $0.text(0)) }, template)
        }
        return (page.count < limit ? nil : page.last?.text(0), findings)
    }

    /// Rows that are read, judged and mended while users may wait for them.
    private static let rowsPerTransaction = 50

    enum Verdict: Equatable {
        case right
        case wanted
        case relabel(String)
    }

    /// Looks again at suspect rows, now under the write lock, and mends them. Rows that a user's transaction has are left
    /// for the next round.
    private func mend(_ keys: [Key], _ template: Template) async throws -> Findings {
        let (source, space) = (source, space)
        return try await database.writeBriefly { connection in
            let (statements, rows) = (RowStatements(source), SourceRows(source))
            let standings = try rows.take(keys, texts: nil, on: connection).get()
            let free = zip(keys, standings).filter { $0.1 == .same }.map(\.0)
            // All at once: users may wait for these rows.
            let asked = try free.compactMap { key in
                try statements.parameters(for: key).map {
                    (key, try connection.rowsLater(statements.sweepRow, $0))
                }
            }
            let records = try Records.read(free, of: source, on: connection)
            var findings = Findings()
            var wanted: [Key] = []
            var relabelled: [String: [Key]] = [:]
            for (key, answer) in asked {
                guard let row = try answer.get().first else { continue }
                switch Self.judge(row, space, template, records) {
                case .right: break
                case .wanted: wanted.append(key)
                case .relabel(let status): relabelled[status, default: []].append(key)
                }
            }
            for (status, keys) in relabelled {
                try rows.show(status, keys, on: connection)
                findings.relabelled += keys.count
            }
            let locked = try RowWish(source).want(wanted, on: connection)
            findings.wanted = wanted.count - locked.count
            return findings
        }
    }

    /// - Parameter row: stored key, status, whether there is a vector, text columns.
    static func judge(_ row: Row, _ space: Space, _ template: Template, _ records: Records) -> Verdict {
        let key = Key(literal: row.text(0))
        let status = row[1].text ?? ""
        if let state = records.jobs[key] { return Self.matches(status, job: state) }
        let (embedding, dead) = (records.embeddings[key], records.dead[key])
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
        if let embedding, embedding.hash == hash, embedding.space == space.id, row.integer(2) != 0 {
            return status == "completed" ? .right : .relabel("completed")
        }
        if let dead, dead == hash || dead.isNull {
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
        let page = try await database.read { connection in
            let rows = try connection.rows(
                .both(
                    """
                    SELECT id, key FROM \(Table.embedding) WHERE source_id = :source AND id > :item
                    ORDER BY id LIMIT :limit
                    """), ["source": Value(source.id), "item": .integer(item), "limit": Value(limit)])
            let keys = rows.map { Key(literal: $0.text(1)) }
            let exist = try SourceRows(source).exist(keys, on: connection)
            return zip(rows, exist).map { (item: $0.integer(0), key: Key(literal: $0.text(1)), isGhost: !$1) }
        }
        let suspects = page.filter(\.isGhost).map(\.key)
        var findings = Findings()
        if !suspects.isEmpty { findings.ghosts = try await removeGhosts(suspects) }
        return (page.count < limit ? nil : page.last?.item, findings)
    }

    private func removeGhosts(_ suspects: [Key]) async throws -> Int {
        let source = source
        return try await database.write { connection in
            let exist = try SourceRows(source).exist(suspects, on: connection)
            let ghosts = zip(suspects, exist).filter { !$0.1 }.map(\.0)
            // A row that a user's transaction is putting back brings a job of its own, for which nobody waits here.
            let free = try JobStore().free(ghosts, of: source.id, on: connection)
            var items: [Int64] = []
            for key in free {
                items += try EmbeddingStore().remove(key, source: source.id, on: connection)
                try connection.run(
                    .both("DELETE FROM \(Table.job) WHERE source_id = :source AND key = :key"),
                    ["source": Value(source.id), "key": .text(key.literal)])
            }
            try JobStore().forgetDead(free, of: source.id, on: connection)
            try FeedStore().append(items, of: source.id, now: .now(), on: connection)
            return items.count
        }
    }

    /// Both ways over everything, page after page: what an upkeep that found a changed schema does at once.
    ///
    /// - Parameter onProgress: hears after each page how many rows have been compared.
    package func whole(pageSize: Int = 1000, onProgress: (Int) -> Void = { _ in }) async throws -> Findings {
        var findings = Findings()
        var key: String?
        repeat {
            let (next, found) = try await rows(after: key, limit: pageSize)
            findings += found
            onProgress(findings.rows)
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
