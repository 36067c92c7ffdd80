/// The blocks and the table that versions of the index live in. Immutable: growth and compaction publish another one,
/// and the old blocks stay for as long as a reader holds theirs.
final class Layout: Sendable {
    /// By slot; nil where a slot is free.
    let blocks: [Block?]
    let table: RowTable
    let capacity: Int

    init(blocks: [Block?], table: RowTable, capacity: Int) {
        self.blocks = blocks
        self.table = table
        self.capacity = capacity
    }

    /// The block and row behind a number, nil where this layout has no such row (a later layout may).
    func place(of row: RowID) -> (block: Block, row: Int)? {
        let slot = row.slot(capacity: capacity)
        guard slot < blocks.count, let block = blocks[slot] else { return nil }
        let offset = row.row(capacity: capacity)
        return offset < block.used ? (block, offset) : nil
    }
}

/// One version of the index, as published.
struct View: Sendable {
    let layout: Layout
    let version: Block.Version
    let position: Int64
    let count: Int
    let memoryBytes: Int
    /// No vector ever indexed is longer; 0 at first.
    let longestNorm: Double
}
