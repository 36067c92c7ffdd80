/// One version of an index: whatever is asked of it, the answer is of that version, however the index moves on.
package struct Reader: Sendable {
    /// The most hits that one search gives.
    package static let largestK = 10_000
    /// Queries that share one pass over the rows; more take several passes.
    static let queriesPerPass = 64

    let index: VectorIndex
    let view: View

    package var version: UInt64 { view.version }
    /// The feed position through which changes are seen.
    package var position: Int64 { view.position }
    /// Live items.
    package var count: Int { view.count }

    /// The k items with the largest inner product with the query, best first, equal scores by ascending item; all items
    /// if there are fewer. For unit vectors the inner product is the cosine.
    ///
    /// Exact: float32 scores choose the candidates, with a margin for what their rounding can hide, and those are scored
    /// again in double; the answer is that of a plain loop over all vectors in double. O(count × dimension).
    ///
    /// - Parameters:
    ///   - k: 1 to 10,000.
    ///   - threads: how many share the work; nil chooses by its size, up to all cores.
    /// - Throws: `IndexError` for a query of another dimension or with values that are not finite, or another k.
    package func search(_ query: [Float], k: Int, threads: Int? = nil) throws(IndexError) -> [Hit] {
        try searchMany([query], k: k, threads: threads)[0]
    }

    /// As `search`, for each of several queries, which are compared with a row while it is in the cache.
    package func searchMany(_ queries: [[Float]], k: Int, threads: Int? = nil) throws(IndexError) -> [[Hit]] {
        guard (1...Self.largestK).contains(k) else { throw .limit(k) }
        var norms: [Double] = []
        for query in queries {
            norms.append(try VectorIndex.norm(of: query, dimension: index.dimension, item: nil))
        }
        guard view.count > 0 else { return queries.map { _ in [] } }
        var answers: [[Hit]] = []
        for first in stride(from: 0, to: queries.count, by: Self.queriesPerPass) {
            let pass = first..<min(first + Self.queriesPerPass, queries.count)
            let scan = Scan(
                view: view, kernel: index.kernel, dimension: index.dimension, queries: Array(queries[pass].joined()),
                norms: Array(norms[pass]), k: k)
            answers += scan.run(threads: threads)
        }
        return answers
    }

    /// The items that are live in this version, in no order. O(rows held).
    package var items: [Int64] {
        var items: [Int64] = []
        items.reserveCapacity(count)
        for case let block? in view.layout.blocks {
            for row in 0..<block.used where block.isVisible(row, at: view.version) { items.append(block.items[row]) }
        }
        return items
    }

    /// Whether the item is live in this version. Expected O(1); O(count) if its row has changed since this version.
    package func contains(_ item: Int64) -> Bool {
        place(of: item) != nil
    }

    /// The item's vector in this version, nil if it has none. Costs as `contains`.
    package func vector(of item: Int64) -> [Float]? {
        place(of: item).map { block, row in
            Array(UnsafeBufferPointer(start: block.vector(row), count: index.dimension))
        }
    }

    /// The table knows newest rows, perhaps newer than this version. A row found there that this version sees is the
    /// one. Otherwise, unless nothing has been written since, the rows themselves are asked.
    private func place(of item: Int64) -> (block: Block, row: Int)? {
        let layout = view.layout
        let found = layout.table.find(item) { row in
            layout.place(of: row).map { $0.block.items[$0.row] }
        }
        if let found, let place = layout.place(of: found.row), place.block.isVisible(place.row, at: view.version) {
            return place
        }
        if found == nil, index.isUntouched(since: view.version) { return nil }
        for block in layout.blocks {
            guard let block else { continue }
            for row in 0..<block.used where block.items[row] == item && block.isVisible(row, at: view.version) {
                return (block, row)
            }
        }
        return nil
    }
}
