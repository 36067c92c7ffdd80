import CKernels
import Synchronization

/// Vectors of one space in memory, searched exactly by inner product, kept in step by applying the feed.
///
/// **Versions.** `apply` makes a whole group visible at once, as the next version. Each row says with which version it
/// was born and died; a `Reader` holds one version and sees the rows born by then and not yet dead. Readers never wait
/// for work: they share one lock with the writer, held to copy a reference.
///
/// **Memory.** Rows lie in blocks of a fixed number, allocated as needed and never moved, so growth copies nothing. A
/// row takes 4 × dimension + 32 bytes, and an item 6 to 12 in the table; dead rows stay until `compact`.
package final class VectorIndex: Sendable {
    package let dimension: Int
    let kernel: ScanKernel

    /// Held by the one writer for a group or a step of compaction.
    private let writeLock = Lock()
    // Guarded by writeLock.
    private nonisolated(unsafe) var rows: RowStore

    /// Held to copy or replace `view`, never longer.
    private let viewLock = Lock()
    // Guarded by viewLock; the writer, who alone replaces it, also reads it under writeLock.
    private nonisolated(unsafe) var view: View

    /// The version whose group has begun to change the table; equal to the published one while nobody writes.
    private let begun = Atomic<Block.Version>(0)

    /// An empty index for vectors of that many float32 components.
    ///
    /// - Parameter blockCapacity: rows per block, a power of two. The default makes a block of 384-dimensional vectors
    ///   three huge pages.
    package convenience init(dimension: Int, blockCapacity: Int = 4096) {
        self.init(dimension: dimension, blockCapacity: blockCapacity, kernel: .best)
    }

    init(dimension: Int, blockCapacity: Int, kernel: ScanKernel) {
        precondition(dimension > 0, "a vector has at least one component")
        precondition(blockCapacity > 0 && blockCapacity.nonzeroBitCount == 1, "a block holds a power of two of rows")
        self.dimension = dimension
        self.kernel = kernel
        rows = RowStore(dimension: dimension, capacity: blockCapacity)
        let layout = Layout(blocks: [], table: rows.table, capacity: blockCapacity)
        view = View(layout: layout, version: 0, position: 0, count: 0, memoryBytes: 0, longestNorm: 0)
    }

    // MARK: Writing

    /// Applies a group of changes, which becomes visible as a whole, and moves the position forward to `position`.
    ///
    /// A change whose revision is not above the known one of its item is ignored, also after a removal, so a group may
    /// be applied again. O(changes × dimension), plus a table of all items now and then. Waits for other writers.
    ///
    /// - Throws: `IndexError` for a vector of another dimension or with values that are not finite; then nothing of the
    ///   group is applied.
    package func apply(_ changes: some Collection<Change>, through position: Int64) throws(IndexError) {
        let longest = try longestNorm(of: changes)
        writeLock.withLock {
            let version = beginVersion()
            var news = false
            for change in changes where rows.apply(change, version: version, position: position) { news = true }
            publish(changed: news, position: position, longest: longest)
        }
    }

    /// Rewrites up to `budgetRows` live rows out of the blocks with the most dead ones, and lets those blocks go, if more
    /// than an eighth of all rows are dead; returns how many rows it moved, 0 when there is nothing left to do.
    ///
    /// Meant for the background: call it until it returns 0, as often as is convenient. A writer waits for one call at
    /// most (4,096 rows of 384 take 2 to 3 ms), readers never do, and no answer changes. Extra memory is the rows moved,
    /// and the old blocks until their last reader leaves.
    package func compact(budgetRows: Int = 4096) -> Int {
        writeLock.withLock {
            let moved = rows.compact(budget: budgetRows, version: beginVersion())
            publish(changed: moved > 0, position: .min, longest: 0)
            return moved
        }
    }

    /// Forgets the revisions of items removed by groups up to that feed position.
    ///
    /// They matter for as long as an older change of such an item may still arrive; call this with the position below
    /// which nothing will be delivered again. 33 bytes are held per removal until then.
    package func forgetRemovals(through position: Int64) {
        writeLock.withLock {
            rows.forgetRemovals(through: position)
            publish(changed: false, position: .min, longest: 0)
        }
    }

    /// From here on readers who miss an item in the table look through the rows.
    private func beginVersion() -> Block.Version {
        let version = view.version + 1
        begun.store(version, ordering: .relaxed)
        return version
    }

    /// One store of a view makes everything since `beginVersion` visible.
    private func publish(changed: Bool, position: Int64, longest: Double) {
        if changed { rows.dropDeadBlocks() }
        let old = view
        let oldLayout = old.layout
        let sameBlocks =
            oldLayout.table === rows.table && oldLayout.blocks.elementsEqual(rows.blocks) { $0 === $1 }
        let new = View(
            layout: sameBlocks
                ? oldLayout : Layout(blocks: rows.blocks, table: rows.table, capacity: oldLayout.capacity),
            version: old.version + (changed ? 1 : 0),
            position: max(old.position, position),
            count: rows.count,
            memoryBytes: rows.memoryBytes,
            longestNorm: max(old.longestNorm, longest))
        // `old` keeps the layout alive past the lock, so that no block is freed inside it.
        withExtendedLifetime(old) { viewLock.withLock { view = new } }
        begun.store(new.version, ordering: .releasing)
    }

    private func longestNorm(of changes: some Collection<Change>) throws(IndexError) -> Double {
        var longest = 0.0
        for change in changes {
            guard case .upsert(let vector) = change.operation else { continue }
            longest = max(longest, try Self.norm(of: vector, dimension: dimension, item: change.item))
        }
        return longest
    }

    /// The Euclidean norm, of a vector that may be indexed or searched for. O(dimension).
    static func norm(of vector: [Float], dimension: Int, item: Int64?) throws(IndexError) -> Double {
        guard vector.count == dimension else { throw .dimension(vector.count, expected: dimension, item: item) }
        let norm = mr_squared_norm(vector, dimension).squareRoot()
        // Two vectors of this length have a product within float32.
        guard norm <= 1e18 else { throw .notFinite(item: item) }
        return norm
    }

    // MARK: Reading

    /// The present version, to search and look up as often as wanted: later changes do not show. Holding one keeps its
    /// blocks in memory. O(1); never waits for a writer's work.
    package func reader() -> Reader {
        Reader(index: self, view: viewLock.withLock { view })
    }

    /// Whether the view is the newest and no writer has begun to change the table since.
    func isUntouched(since version: Block.Version) -> Bool {
        begun.load(ordering: .acquiring) == version
    }

    /// The feed position through which changes are applied.
    package var position: Int64 { reader().position }
    /// Live items.
    package var count: Int { reader().count }
    /// Bytes reserved for rows, table and removals; untouched parts of the last block count too.
    package var memoryBytes: Int { reader().view.memoryBytes }
    /// Grows with every group that changed something, and with every step of compaction.
    package var version: UInt64 { reader().version }
    package func contains(_ item: Int64) -> Bool { reader().contains(item) }
    package func vector(of item: Int64) -> [Float]? { reader().vector(of: item) }

    /// See `Reader.search`.
    package func search(_ query: [Float], k: Int, threads: Int? = nil) throws(IndexError) -> [Hit] {
        try reader().search(query, k: k, threads: threads)
    }

    /// See `Reader.searchMany`.
    package func searchMany(_ queries: [[Float]], k: Int, threads: Int? = nil) throws(IndexError) -> [[Hit]] {
        try reader().searchMany(queries, k: k, threads: threads)
    }
}
