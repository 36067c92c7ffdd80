import Core
import Synchronization
import Testing

@testable import Search

struct SearchServiceTests {
    private func library(on dialect: Dialect) async throws -> Library {
        let library = try await Library(dialect)
        try await library.put("east", [1, 0])
        try await library.put("north", [0, 1])
        try await library.put("between", [0.8, 0.6])
        try await library.put("note", [0.6, 0.8], in: Library.notes)
        try await library.index.rebuild()
        return library
    }

    private func refusal(_ library: Library, _ query: SearchQuery) async throws -> SearchError? {
        do {
            _ = try await library.service.search(query)
            return nil
        } catch let error as SearchError {
            return error
        }
    }

    @Test(arguments: Dialect.allCases)
    func `a text finds the rows nearest in meaning, best first, over all collections`(on dialect: Dialect) async throws
    {
        let answer = try await library(on: dialect).service.search(SearchQuery(.text("x"), k: 3))
        #expect(answer.results.map(\.item.key) == ["east", "between", "note"])
        #expect(answer.results.map { ($0.score * 100).rounded() } == [100, 80, 60])
        #expect(answer.results[0].item.text == "text of east" && answer.method == "exact")
        #expect(answer.collections == ["parts", "notes"])
    }

    @Test(arguments: Dialect.allCases) func `a collection may be chosen`(on dialect: Dialect) async throws {
        let library = try await library(on: dialect)
        let answer = try await library.service.search(SearchQuery(.text("x"), collection: "notes"))
        #expect(answer.results.map(\.item.key) == ["note"] && answer.collections == ["notes"])
        let error = try await refusal(library, SearchQuery(.text("x"), collection: "other"))
        #expect(error?.code == .unknownCollection)
        #expect(error?.message == "no collection is named \"other\" — collections are: parts, notes")
    }

    @Test(arguments: Dialect.allCases) func `a vector of any length is compared by its direction`(on dialect: Dialect)
        async throws
    {
        let library = try await library(on: dialect)
        #expect(try await library.keys(like: [0, 500], k: 2) == ["north", "note"])
        for vector: [Float] in [[], [0, 0], [.nan, 1], [.infinity, 1]] {
            let error = try await refusal(library, SearchQuery(.vector(vector)))
            #expect(error?.code == .badQuery, "\(vector)")
        }
        let error = try await refusal(library, SearchQuery(.vector([1, 0, 0]), collection: "parts"))
        #expect(error?.message == "the query's vector has 3 numbers, collection \"parts\" has 2")
    }

    @Test(arguments: Dialect.allCases) func `collections of another dimension are passed by where none was chosen`(
        on dialect: Dialect
    ) async throws {
        let library = try await library(on: dialect)
        try await library.put("deep", [0, 0, 1], in: Library.notes, space: "three")
        try await library.put("note", [1, 0, 0], in: Library.notes, space: "three")
        try await library.follow()
        #expect(try await library.keys(like: [1, 0], k: 1) == ["east"])
        #expect(try await library.keys(like: [0, 0, 1], k: 1) == ["deep"])
        let error = try await refusal(library, SearchQuery(.vector([1, 0, 0, 0])))
        #expect(error?.code == .badQuery)
    }

    @Test(arguments: Dialect.allCases) func `more like this leaves itself out`(on dialect: Dialect) async throws {
        let library = try await library(on: dialect)
        let answer = try await library.service.search(SearchQuery(.item(key: "east"), k: 2))
        #expect(answer.results.map(\.item.key) == ["between", "note"])
        let error = try await refusal(library, SearchQuery(.item(key: "west")))
        #expect(error?.code == .unknownItem)
        let elsewhere = try await refusal(library, SearchQuery(.item(key: "east"), collection: "notes"))
        #expect(elsewhere?.code == .unknownItem)
    }

    @Test(arguments: [0, -1, 10_001, Int.max])
    func `k has bounds`(k: Int) async throws {
        let error = try await refusal(try await library(on: .sqlite), SearchQuery(.text("x"), k: k))
        #expect(error?.message == "k is \(k): choose 1 to 10000")
    }

    @Test(arguments: ["", " \n\t"])
    func `a query needs words`(text: String) async throws {
        #expect(try await refusal(try await library(on: .sqlite), SearchQuery(.text(text)))?.code == .badQuery)
    }

    @Test(arguments: Dialect.allCases) func `hits whose row is gone are dropped, however many there are`(
        on dialect: Dialect
    ) async throws {
        let library = try await library(on: dialect)
        for number in 1...100 { try await library.put("ghost\(number)", [1, 0.001 * Float(number)]) }
        try await library.follow()
        library.items.state.withLock { state in state.rows = state.rows.filter { !$0.value.key.hasPrefix("ghost") } }
        #expect(try await library.keys(like: [1, 0], k: 3) == ["east", "between", "note"])
        #expect(try await library.keys(like: [1, 0], k: 10_000).count == 4)
    }

    @Test(arguments: Dialect.allCases)
    func `a query of another space is refused where a collection was chosen, else passed by`(on dialect: Dialect)
        async throws
    {
        let library = try await library(on: dialect)
        let error = try await refusal(library, SearchQuery(.text("other"), collection: "parts"))
        #expect(error?.code == .spaceMismatch)
        let answer = try await library.service.search(SearchQuery(.text("other")))
        #expect(answer.results.isEmpty && answer.collections.isEmpty)
    }

    @Test(arguments: Dialect.allCases)
    func `before the first rebuild it asks for patience, and without a collection for one`(on dialect: Dialect)
        async throws
    {
        let library = try await Library(dialect)
        let early = try await refusal(library, SearchQuery(.text("x")))
        #expect(early?.code == .notReady && early?.isRetryable == true)
        try await library.index.rebuild()
        #expect(try await library.service.search(SearchQuery(.text("x"))).results.isEmpty)
        library.items.state.withLock { $0.collections = [] }
        #expect(try await refusal(library, SearchQuery(.text("x")))?.code == .noCollection)
    }
}
