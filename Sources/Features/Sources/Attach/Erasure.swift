import Core

/// Takes a source's vectors out of the user's table, page after page, each a short transaction.
struct Erasure: Sendable {
    private static let pageSize = 1000

    let database: any Database
    let source: Source

    /// - Parameter onPage: hears after each page of how many rows it was.
    func run(onPage: (Int) -> Void) async throws {
        var after: Key?
        repeat {
            let (rows, last) = try await page(after: after)
            onPage(rows)
            after = last
        } while after != nil
    }

    /// - Returns: the page's rows, and the key to go on after, nil at the end.
    private func page(after key: Key?) async throws -> (rows: Int, last: Key?) {
        let source = source
        return try await database.write { connection in
            let page = try Backfill.page(
                after: key?.literal, source, limit: Self.pageSize, wholeVectors: false, on: connection)
            let written = page.filter { $0.integer(2) != 0 }.map { Key(literal: $0.text(0)) }
            try SourceRows(source).erase(written, on: connection)
            return (page.count, page.count < Self.pageSize ? nil : page.last.map { Key(literal: $0.text(0)) })
        }
    }
}
