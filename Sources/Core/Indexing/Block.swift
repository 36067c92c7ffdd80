import CKernels
import Synchronization

/// A fixed number of rows in memory of their own. Rows are appended, never moved and never rewritten; only `died` of a
/// row changes later, once.
///
/// The columns lie one after the other, so a scan reads vectors only and looks at the versions of the few rows that
/// score well. Compressed codes, when they come, are one more column.
final class Block: @unchecked Sendable {
    // Unchecked: one writer appends; readers look at rows below `used` (acquired) only, and `died` is atomic.

    typealias Version = UInt64
    /// The `died` of a row that lives.
    static let never = Version.max

    let dimension: Int
    let capacity: Int
    /// `capacity × dimension` floats, row-major, without padding, 64-byte aligned.
    let vectors: UnsafeMutablePointer<Float>
    let items: UnsafeMutablePointer<Int64>
    let revisions: UnsafeMutablePointer<Int64>
    private let born: UnsafeMutablePointer<Version>
    private let died: UnsafeMutablePointer<Atomic<Version>>
    private let memory: PageMemory
    private let usedRows = Atomic<Int>(0)

    init(dimension: Int, capacity: Int, prefersHugePages: Bool) {
        self.dimension = dimension
        self.capacity = capacity
        let vectorBytes = (capacity * dimension * MemoryLayout<Float>.stride + 63) / 64 * 64
        let columnBytes = (capacity * MemoryLayout<Int64>.stride + 63) / 64 * 64
        memory = PageMemory(byteCount: vectorBytes + 4 * columnBytes, prefersHugePages: prefersHugePages)
        var next = memory.base
        vectors = next.bindMemory(to: Float.self, capacity: capacity * dimension)
        next += vectorBytes
        items = next.bindMemory(to: Int64.self, capacity: capacity)
        next += columnBytes
        revisions = next.bindMemory(to: Int64.self, capacity: capacity)
        next += columnBytes
        born = next.bindMemory(to: Version.self, capacity: capacity)
        next += columnBytes
        died = next.bindMemory(to: Atomic<Version>.self, capacity: capacity)
    }

    deinit { memory.unmap() }

    /// Bytes reserved, whether touched or not.
    var memoryBytes: Int { memory.byteCount }

    /// Rows written so far, by readers' sight.
    var used: Int { usedRows.load(ordering: .acquiring) }

    var isFull: Bool { usedRows.load(ordering: .relaxed) == capacity }

    func vector(_ row: Int) -> UnsafeMutablePointer<Float> { vectors + row * dimension }

    /// Whether a reader of that version sees the row: born by then and not yet dead.
    func isVisible(_ row: Int, at version: Version) -> Bool {
        born[row] <= version && version < died[row].load(ordering: .relaxed)
    }

    /// Writer only. Appends a row and returns its place; the block must not be full.
    func append(item: Int64, revision: Int64, vector values: UnsafePointer<Float>, born version: Version) -> Int {
        let row = usedRows.load(ordering: .relaxed)
        precondition(row < capacity, "a full block takes no more rows")
        vector(row).update(from: values, count: dimension)
        items[row] = item
        revisions[row] = revision
        born[row] = version
        (died + row).initialize(to: Atomic(Self.never))
        usedRows.store(row + 1, ordering: .releasing)
        return row
    }

    /// Writer only. From that version on the row is no longer seen.
    func kill(_ row: Int, at version: Version) {
        died[row].store(version, ordering: .relaxed)
    }

    /// Writer only. Whether no later version than the present one has ended the row.
    func isAlive(_ row: Int) -> Bool {
        died[row].load(ordering: .relaxed) == Self.never
    }
}
