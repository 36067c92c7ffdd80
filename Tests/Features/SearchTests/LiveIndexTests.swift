import Core
import Indexing
import Testing

@testable import Search

struct LiveIndexTests {
    @Test(arguments: Dialect.allCases) func `a rebuild reads everything, page by page, and then the feed is followed`(
        on dialect: Dialect
    ) async throws {
        let library = try await Library(dialect, page: 3)
        for number in 1...10 { try await library.put("k\(number)", [Float(number), 1]) }
        #expect(await library.index.isReady == false)
        try await library.index.rebuild()
        #expect(await library.index.isReady)
        #expect(await library.index.feedPosition() == 10)
        let holding = await library.index.holding(of: Library.parts.source)
        #expect(holding?.index.count == 10)

        try await library.put("k3", [-1, 0])
        try await library.put("new", [0, -1])
        try await library.remove("k5")
        try await library.follow()
        #expect(holding?.index.count == 10)
        #expect(try await library.keys(like: [-1, 0], k: 1) == ["k3"])
        #expect(try await library.keys(like: [0, -1], k: 1) == ["new"])
        #expect(try await library.keys(like: [1, 0], k: 20).contains("k5") == false)
    }

    @Test(arguments: Dialect.allCases) func `what came and went between two looks leaves nothing`(on dialect: Dialect)
        async throws
    {
        let library = try await Library(dialect)
        try await library.index.rebuild()
        try await library.put("a", [1, 0])
        try await library.remove("a")
        try await library.put("a", [0, 1])
        try await library.put("b", [1, 1])
        try await library.remove("b")
        try await library.follow()
        #expect(try await library.keys(like: [1, 1]) == ["a"])
    }

    @Test(arguments: Dialect.allCases) func `pruned past, it rebuilds in place, and no deleted row survives`(
        on dialect: Dialect
    ) async throws {
        let library = try await Library(dialect, page: 3)
        for number in 1...8 { try await library.put("k\(number)", [Float(number), 1]) }
        try await library.index.rebuild()
        let before = try #require(await library.index.holding(of: Library.parts.source)).index
        try await library.remove("k2")
        try await library.remove("k8", isSeen: false)
        try await library.put("k4", [-1, 0])
        try await library.put("k9", [9, 1])
        try await library.run(
            """
            DELETE FROM \(Table.feed.name(in: dialect));
            UPDATE \(Table.meta.name(in: dialect)) SET value = '10' WHERE name = 'feed_floor';
            """)
        // Nobody tells the index yet; it answers from what it has.
        let stale = try await library.service.search(SearchQuery(.vector([1, 0]), k: 5))
        #expect(stale.results.count == 5)
        try await library.follow()
        let after = try #require(await library.index.holding(of: Library.parts.source)).index
        #expect(after === before)
        #expect(Set(after.reader().items).count == 7 && after.count == 7)
        #expect(try await library.keys(like: [1, 0], k: 20).sorted() == ["k1", "k3", "k4", "k5", "k6", "k7", "k9"])
        #expect(try await library.keys(like: [-1, 0], k: 1) == ["k4"])
        #expect(await library.index.feedPosition() == 10)
    }

    @Test(arguments: Dialect.allCases) func `searches find everything while a rebuild goes on`(on dialect: Dialect)
        async throws
    {
        let library = try await Library(dialect, page: 20)
        for number in 1...200 { try await library.put("k\(number)", [Float(number), 1]) }
        try await library.index.rebuild()
        async let rebuilt: Void = { for _ in 0..<5 { try await library.index.rebuild() } }()
        for _ in 0..<40 {
            #expect(try await library.keys(like: [1, 0], k: 200).count == 200)
        }
        try await rebuilt
    }

    @Test(arguments: Dialect.allCases) func `a removed source's index goes away`(on dialect: Dialect) async throws {
        let library = try await Library(dialect)
        try await library.put("a", [1, 0])
        try await library.put("n", [0, 1], in: Library.notes)
        try await library.index.rebuild()
        #expect(await library.index.all().map(\.source) == [SourceID(1), SourceID(2)])
        try await library.remove("a")
        try await library.run("DELETE FROM \(Table.source.name(in: dialect)) WHERE id = 1;")
        try await library.follow()
        #expect(await library.index.all().map(\.source) == [SourceID(2)])
        #expect(try await library.keys(like: [1, 1]) == ["n"])
    }

    @Test(arguments: Dialect.allCases) func `two spaces of one source stay apart while it is embedded anew`(
        on dialect: Dialect
    ) async throws {
        let library = try await Library(dialect, page: 2)
        for number in 1...6 { try await library.put("k\(number)", [Float(number), 1]) }
        for number in [2, 4] { try await library.put("k\(number)", [0, 0, Float(number)], space: "two") }
        try await library.index.rebuild()
        let source = Library.parts.source
        #expect(await library.index.holding(of: source)?.index.count == 4)
        #expect(await library.index.holding(of: source, space: "two")?.index.count == 2)
        for number in [1, 3, 5, 6] {
            try await library.put("k\(number)", [0, 0, Float(number)], space: "two")
            try await library.follow()
        }
        #expect(await library.index.holding(of: source)?.space == "two")
        #expect(await library.index.holding(of: source, space: "one")?.space == "two")
        #expect(try await library.keys(like: [0, 0, 1], k: 20).count == 6)
    }

    @Test(arguments: Dialect.allCases) func `it runs until it is cancelled and sees what other programs commit`(
        on dialect: Dialect
    ) async throws {
        let library = try await Library(dialect)
        try await library.put("a", [1, 0])
        let running = Task { try await library.index.run() }
        while await !library.index.isReady { await Task.yield() }
        try await library.put("b", [0, 1])
        while await library.index.feedPosition() < 2 { await Task.yield() }
        #expect(try await library.keys(like: [0, 1], k: 1) == ["b"])
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
    }
}
