import Synchronization

/// Where a row lies: block slot and row within the block in one number, so that the table and the candidates of a
/// search cost four bytes each. 2³² − 2 rows is the largest index.
struct RowID: Sendable, Hashable {
    let number: UInt32

    init(number: UInt32) { self.number = number }

    /// - Parameter capacity: rows per block, a power of two.
    init(slot: Int, row: Int, capacity: Int) {
        let number = slot * capacity + row
        precondition(number < Int(UInt32.max) - 1, "an index holds at most 2³² − 2 rows")
        self.number = UInt32(number)
    }

    func slot(capacity: Int) -> Int { Int(number) >> capacity.trailingZeroBitCount }
    func row(capacity: Int) -> Int { Int(number) & (capacity - 1) }
}

/// The row of each live item: open addressing, four bytes a place, keys read from the rows themselves, 6 to 12 bytes an
/// item in all.
///
/// One writer changes it while readers look things up. A reader may find the row of a later version than its own, or
/// nothing; it judges by the row it finds and by `VectorIndex.begun` (see `Reader`). Places change one at a time and
/// entries never move within a table; a fuller one is a new table.
final class RowTable: @unchecked Sendable {
    // Unchecked: places are atomic, the counts are the writer's.

    private static let empty: UInt32 = 0
    private static let deleted: UInt32 = 1
    private static let firstRow: UInt32 = 2

    private let places: UnsafeMutablePointer<Atomic<UInt32>>
    private let placeCount: Int
    private var taken = 0

    /// - Parameter items: how many entries it will hold before it must be replaced.
    init(items: Int) {
        var count = 16
        while count * 7 / 10 <= items { count *= 2 }
        placeCount = count
        places = .allocate(capacity: count)
        for place in 0..<count { (places + place).initialize(to: Atomic(Self.empty)) }
    }

    deinit { places.deallocate() }

    var memoryBytes: Int { placeCount * MemoryLayout<UInt32>.stride }

    /// Writer only. Whether the next new item still finds room (at most 7 of 10 places taken, deleted ones included).
    var isFull: Bool { taken * 10 >= placeCount * 7 }

    /// The place and row of an item, nil if it has none. Expected O(1).
    ///
    /// - Parameter itemAt: the item of a row, nil for a row that the caller does not know.
    func find(_ item: Int64, itemAt: (RowID) -> Int64?) -> (place: Int, row: RowID)? {
        var place = home(item)
        while true {
            let value = places[place].load(ordering: .acquiring)
            if value == Self.empty { return nil }
            if value >= Self.firstRow {
                let row = RowID(number: value - Self.firstRow)
                if itemAt(row) == item { return (place, row) }
            }
            place = (place + 1) & (placeCount - 1)
        }
    }

    /// Writer only. Enters an item that `find` has just not found.
    func insert(_ item: Int64, row: RowID) {
        precondition(!isFull, "a full table is replaced before it takes another item")
        var place = home(item)
        while places[place].load(ordering: .relaxed) >= Self.firstRow { place = (place + 1) & (placeCount - 1) }
        if places[place].load(ordering: .relaxed) == Self.empty { taken += 1 }
        move(place: place, to: row)
    }

    /// Writer only. The item of that place lies in another row now. The row was written before.
    func move(place: Int, to row: RowID) {
        places[place].store(row.number + Self.firstRow, ordering: .releasing)
    }

    /// Writer only.
    func delete(place: Int) {
        places[place].store(Self.deleted, ordering: .releasing)
    }

    /// Fibonacci hashing: consecutive items spread over all places.
    private func home(_ item: Int64) -> Int {
        let mixed = UInt64(bitPattern: item) &* 0x9E37_79B9_7F4A_7C15
        return Int(mixed >> UInt64(64 - placeCount.trailingZeroBitCount))
    }
}
