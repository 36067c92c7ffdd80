import CKernels

/// The rows as the writer sees them: applies changes, numbers their rows, and knows how many of each block live.
///
/// Nothing here is seen by readers before `VectorIndex` publishes a view of it, except `died` of rows and places of the
/// table, which readers judge by version.
struct RowStore {
    /// What is remembered of a removed item.
    struct Removal {
        let revision: Int64
        /// The feed position of the group that removed it.
        let position: Int64
    }

    let dimension: Int
    /// Rows per block, a power of two.
    let capacity: Int
    private(set) var blocks: [Block?] = []
    private(set) var table = RowTable(items: 0)
    /// Live rows of each slot.
    private var liveRows: [Int] = []
    /// The slot whose block takes new rows.
    private var tail: Int?
    private var removals: [Int64: Removal] = [:]
    private(set) var count = 0

    init(dimension: Int, capacity: Int) {
        self.dimension = dimension
        self.capacity = capacity
    }

    // MARK: Changes

    /// Applies one change as part of that version; false where it is no news: its revision is not above the known one.
    mutating func apply(_ change: Change, version: Block.Version, position: Int64) -> Bool {
        let present = table.find(change.item, itemAt: item(at:))
        let known = present.map { revision(of: $0.row) } ?? removals[change.item]?.revision
        if let known, change.revision <= known { return false }
        switch change.operation {
        case .upsert(let vector):
            let row = vector.withUnsafeBufferPointer {
                append(item: change.item, revision: change.revision, vector: $0.baseAddress!, version: version)
            }
            if let present {
                table.move(place: present.place, to: row)
                kill(present.row, version: version)
            } else {
                removals[change.item] = nil
                enter(change.item, row: row)
            }
        case .remove:
            if let present {
                table.delete(place: present.place)
                kill(present.row, version: version)
                count -= 1
            }
            removals[change.item] = Removal(revision: change.revision, position: position)
        }
        return true
    }

    /// Forgets removals made at that feed position or before.
    mutating func forgetRemovals(through position: Int64) {
        removals = removals.filter { $0.value.position > position }
    }

    // MARK: Compaction

    /// Whether more than an eighth of the rows held are dead, not counting the tail, which is still filling.
    var isCompactionDue: Bool {
        var used = 0
        var live = 0
        for (slot, block) in blocks.enumerated() where !isFilling(slot) {
            used += block?.used ?? 0
            live += liveRows[slot]
        }
        return (used - live) * 8 > used
    }

    /// Moves up to `budget` live rows out of the blocks with the most dead ones, as part of that version; returns how
    /// many. A block left without live rows is let go by `dropDeadBlocks`.
    mutating func compact(budget: Int, version: Block.Version) -> Int {
        var moved = 0
        while moved < budget, isCompactionDue, let slot = slotWithMostDead(), let block = blocks[slot] {
            for row in 0..<block.used where block.isAlive(row) {
                if moved == budget { break }
                relocate(block, slot: slot, row: row, version: version)
                moved += 1
            }
            if liveRows[slot] == 0 { drop(slot) }
        }
        return moved
    }

    /// Lets go of the blocks in which nothing lives.
    mutating func dropDeadBlocks() {
        for slot in blocks.indices where liveRows[slot] == 0 && !isFilling(slot) { drop(slot) }
    }

    private func slotWithMostDead() -> Int? {
        func dead(_ slot: Int) -> Int { (blocks[slot]?.used ?? 0) - liveRows[slot] }
        return blocks.indices.filter { !isFilling($0) && dead($0) > 0 }.max { dead($0) < dead($1) }
    }

    private func isFilling(_ slot: Int) -> Bool { slot == tail && blocks[slot]?.isFull == false }

    private mutating func relocate(_ block: Block, slot: Int, row: Int, version: Block.Version) {
        let item = block.items[row]
        guard let present = table.find(item, itemAt: self.item(at:)) else {
            preconditionFailure("a live row is in the table")
        }
        let copy = append(item: item, revision: block.revisions[row], vector: block.vector(row), version: version)
        table.move(place: present.place, to: copy)
        kill(present.row, version: version)
    }

    private mutating func drop(_ slot: Int) {
        blocks[slot] = nil
        if tail == slot { tail = nil }
    }

    // MARK: Rows

    /// Bytes held for rows, table and removals.
    var memoryBytes: Int {
        let entry = MemoryLayout<Int64>.stride + MemoryLayout<Removal>.stride + 1
        return blocks.reduce(table.memoryBytes + removals.capacity * entry) { $0 + ($1?.memoryBytes ?? 0) }
    }

    private mutating func append(
        item: Int64, revision: Int64, vector: UnsafePointer<Float>, version: Block.Version
    ) -> RowID {
        let slot = slotWithRoom()
        guard let block = blocks[slot] else { preconditionFailure("the tail has a block") }
        let row = block.append(item: item, revision: revision, vector: vector, born: version)
        liveRows[slot] += 1
        return RowID(slot: slot, row: row, capacity: capacity)
    }

    private mutating func slotWithRoom() -> Int {
        if let tail, blocks[tail]?.isFull == false { return tail }
        // The first block keeps to small pages, so that a small collection costs what it holds.
        let block = Block(dimension: dimension, capacity: capacity, prefersHugePages: !blocks.isEmpty)
        let slot: Int
        if let free = blocks.firstIndex(where: { $0 == nil }) {
            slot = free
            blocks[free] = block
        } else {
            slot = blocks.count
            blocks.append(block)
            liveRows.append(0)
        }
        tail = slot
        return slot
    }

    private mutating func kill(_ row: RowID, version: Block.Version) {
        let slot = row.slot(capacity: capacity)
        blocks[slot]?.kill(row.row(capacity: capacity), at: version)
        liveRows[slot] -= 1
    }

    private mutating func enter(_ item: Int64, row: RowID) {
        count += 1
        if table.isFull { rebuildTable(without: row) }
        table.insert(item, row: row)
    }

    /// Replaces the table by one with room for half as many items again; readers keep theirs. Every live row is in the
    /// table except the one that is just being entered.
    private mutating func rebuildTable(without entering: RowID) {
        let larger = RowTable(items: count + count / 2)
        for (slot, block) in blocks.enumerated() {
            guard let block else { continue }
            for row in 0..<block.used where block.isAlive(row) {
                let id = RowID(slot: slot, row: row, capacity: capacity)
                if id != entering { larger.insert(block.items[row], row: id) }
            }
        }
        table = larger
    }

    private func item(at row: RowID) -> Int64? {
        blocks[row.slot(capacity: capacity)]?.items[row.row(capacity: capacity)]
    }

    private func revision(of row: RowID) -> Int64 {
        blocks[row.slot(capacity: capacity)]!.revisions[row.row(capacity: capacity)]
    }
}
