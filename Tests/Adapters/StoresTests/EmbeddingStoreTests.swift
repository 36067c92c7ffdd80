import Core
import TestDatabases
import Testing

struct EmbeddingStoreTests {
    let store = EmbeddingStore()

    private func put(
        _ vector: [Float], _ key: Key, source: SourceID = SourceID(1), on connection: any Connection
    ) throws -> Int64 {
        try store.put(
            vector, hash: [1, 2], space: "tiny", key: key, source: source, now: Timestamp(microseconds: 5),
            on: connection)
    }

    @Test(arguments: Dialect.allCases) func `an item keeps its number while its vector changes`(on dialect: Dialect)
        async throws
    {
        try await onTables(dialect) { connection throws in
            let item = try put([1, 0], Key([1]), on: connection)
            #expect(try put([0, 1], Key([1]), on: connection) == item)
            #expect(try store.entries([item], on: connection).map(\.vector) == [[0, 1]])
            #expect(try connection.count(Table.embedding) == 1)
        }
    }

    @Test(arguments: Dialect.allCases)
    func `the same key in two sources and two keys that look alike are different items`(on dialect: Dialect)
        async throws
    {
        try await onTables(dialect) { connection throws in
            let items = [
                try put([1], Key([1]), on: connection), try put([1], Key([1]), source: SourceID(2), on: connection),
                try put([1], Key(["1"]), on: connection), try put([1], Key(["\u{E9}"]), on: connection),
                try put([1], Key(["e\u{301}"]), on: connection),
            ]
            #expect(Set(items).count == 5)
            let keys = try store.keys(of: items + [999], on: connection)
            #expect(
                items.map { keys[$0]?.key } == [Key([1]), Key([1]), Key(["1"]), Key(["\u{E9}"]), Key(["e\u{301}"])])
            #expect(keys[items[1]]?.source == SourceID(2))
            #expect(keys[999] == nil)
        }
    }

    @Test(arguments: Dialect.allCases) func `a removed item's number is named once and never used again`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let item = try put([1], Key([1]), on: connection)
            #expect(try store.remove(Key([1]), source: SourceID(2), on: connection) == [])
            #expect(try store.remove(Key([1]), source: SourceID(1), on: connection) == [item])
            #expect(try store.remove(Key([1]), source: SourceID(1), on: connection) == [])
            #expect(try store.entries([item], on: connection).isEmpty)
            #expect(try put([1], Key([1]), on: connection) > item)
        }
    }

    @Test(arguments: Dialect.allCases) func `pages follow one another by number and leave nothing out`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            var items: [Int64] = []
            for number in 0..<25 {
                items.append(try put([Float(number)], Key([.integer(Int64(number))]), on: connection))
            }
            for number in [3, 4, 24] {
                _ = try store.remove(Key([.integer(Int64(number))]), source: SourceID(1), on: connection)
            }
            var (after, seen): (Int64, [Float]) = (0, [])
            while case let page = try store.page(after: after, limit: 7, on: connection), let last = page.last {
                #expect(page.count <= 7)
                seen += page.map { $0.vector[0] }
                after = last.item
            }
            #expect(seen == (0..<25).filter { ![3, 4, 24].contains($0) }.map(Float.init))
        }
    }

    @Test(arguments: Dialect.allCases) func `a vector comes back bit by bit, with its space and source`(
        on dialect: Dialect
    ) async throws {
        try await onTables(dialect) { connection throws in
            let vector: [Float] = [0.1, -0.0, .leastNonzeroMagnitude, -1]
            let item = try put(vector, Key(["it's"]), on: connection)
            let entry = try store.entries([item, 999], on: connection)[0]
            #expect(entry.vector.map(\.bitPattern) == vector.map(\.bitPattern))
            #expect(entry.space == "tiny")
            #expect(entry.source == SourceID(1))
        }
    }
}
