package import Core
package import Embedding

/// The sweep's judgement without its mending: compares every row's input with what is recorded for it, both ways, and
/// only counts.
package struct SourceInspection: Sendable {
    package struct Findings: Hashable, Sendable {
        package var rows = 0
        /// Rows with text, without an embedding and without a job.
        package var missing = 0
        /// Rows whose embedding is of another text or of another space.
        package var stale = 0
        /// Embeddings whose row is gone.
        package var ghosts = 0
        /// Rows whose status does not say what is recorded.
        package var mislabelled = 0

        package init() {}

        package var isClean: Bool { missing + stale + ghosts + mislabelled == 0 }
    }

    private static let page = 1000

    private let database: any Database
    private let source: Source
    private let space: Space

    package init(database: any Database, source: Source, space: Space) {
        self.database = database
        self.source = source
        self.space = space
    }

    /// Reads every row and every embedding, in pages. - Throws: where the table cannot be read.
    package func run() async throws -> Findings {
        var findings = Findings()
        var key: String?
        repeat { key = try await rows(after: key, &findings) } while key != nil
        var item: Int64? = 0
        while let after = item { item = try await ghosts(after: after, &findings) }
        return findings
    }

    private func rows(after key: String?, _ findings: inout Findings) async throws -> String? {
        let (source, space) = (source, space)
        let template = try source.template
        let (found, next) = try await database.read { connection in
            let page = try Backfill.page(after: key, source, limit: Self.page, wholeVectors: false, on: connection)
            let records = try Records.read(page.map { Key(literal: $0.text(0)) }, of: source, on: connection)
            var found = Findings()
            found.rows = page.count
            for row in page {
                switch Sweep.judge(row, space, template, records) {
                case .right: break
                case .relabel: found.mislabelled += 1
                case .wanted:
                    let isEmbedded = records.embeddings[Key(literal: row.text(0))] != nil
                    if isEmbedded { found.stale += 1 } else { found.missing += 1 }
                }
            }
            return (found, page.count < Self.page ? nil : page.last?.text(0))
        }
        findings.rows += found.rows
        findings.missing += found.missing
        findings.stale += found.stale
        findings.mislabelled += found.mislabelled
        return next
    }

    private func ghosts(after item: Int64, _ findings: inout Findings) async throws -> Int64? {
        let source = source
        let (count, next) = try await database.read { connection in
            let rows = try connection.rows(
                .both(
                    """
                    SELECT id, key FROM \(Table.embedding) WHERE source_id = :source AND id > :item
                    ORDER BY id LIMIT :limit
                    """), ["source": Value(source.id), "item": .integer(item), "limit": Value(Self.page)])
            let exist = try SourceRows(source).exist(rows.map { Key(literal: $0.text(1)) }, on: connection)
            return (exist.count { !$0 }, rows.count < Self.page ? nil : rows.last?.integer(0))
        }
        findings.ghosts += count
        return next
    }
}
