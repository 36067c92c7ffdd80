import Core
import Indexing
import Logging
import Search
import Synchronization
import TestDatabases

@testable import Search

/// A database with two collections of items, their live index, and a reader of rows that can lose some.
final class Library: Sendable {
    private let place: TestDatabase
    let database: any Database
    let index: LiveIndex
    let items = Rows()
    let embedder = QueryByWord()

    /// - Parameter page: embeddings per page of a rebuild and entries per step.
    init(_ dialect: Dialect, page: Int = 2000) async throws {
        place = try await TestDatabase(dialect)
        database = try await place.open()
        try await database.migrate()
        var settings = LiveIndex.Settings()
        settings.rebuildPage = page
        settings.step = page
        index = LiveIndex(database: database, follower: "test", settings: settings, logger: .quiet)
        try await run(
            """
            INSERT INTO \(Table.source.name(in: dialect))(id, collection, table_name, definition, model, state, created_at) VALUES
                (1,'parts','parts','{}','m','active',0), (2,'notes','notes','{}','m','active',0);
            """)
        items.state.withLock { $0.collections = [Self.parts, Self.notes] }
    }

    static let parts = SearchableCollection(source: SourceID(1), name: "parts", model: "m")
    static let notes = SearchableCollection(source: SourceID(2), name: "notes", model: "m")

    var service: SearchService { SearchService(index: index, items: items, embedder: embedder) }

    func run(_ sql: String) async throws {
        try await database.write { try $0.script(sql) }
    }

    /// Writes an embedding and its feed entry, as a settlement does. - Returns: the item.
    @discardableResult
    func put(
        _ key: String, _ vector: [Float], in collection: SearchableCollection = parts, space: String = "one"
    ) async throws -> Int64 {
        let item = try await database.write { connection in
            let item = try EmbeddingStore().put(
                vector, hash: [0], space: space, key: Key([.text(key)]), source: collection.source, now: .now(),
                on: connection)
            try Self.append([item], of: collection, on: connection)
            return item
        }
        items.state.withLock {
            $0.rows[item] = FoundItem(collection: collection.name, key: key, text: "text of \(key)")
        }
        return item
    }

    /// Takes a row away. - Parameter isSeen: whether the feed hears of it.
    func remove(_ key: String, from collection: SearchableCollection = parts, isSeen: Bool = true) async throws {
        let removed = try await database.write { connection in
            let items = try EmbeddingStore().remove(Key([.text(key)]), source: collection.source, on: connection)
            if isSeen { try Self.append(items, of: collection, on: connection) }
            return items
        }
        items.state.withLock { state in removed.forEach { state.rows[$0] = nil } }
    }

    /// With positions, which a server's sequencer gives on PostgreSQL.
    private static func append(
        _ items: [Int64], of collection: SearchableCollection, on connection: any Connection
    ) throws {
        try FeedStore().append(items, of: collection.source, now: .now(), on: connection)
        _ = try FeedStore().sequence(limit: 100, on: connection)
    }

    func follow() async throws {
        while try await index.follow() {}
    }

    /// The keys that a search by vector finds, best first.
    func keys(like vector: [Float], k: Int = 10, in collection: String? = nil) async throws -> [String] {
        try await service.search(SearchQuery(.vector(vector), k: k, collection: collection)).results.map(\.item.key)
    }
}

/// The rows behind items.
final class Rows: ItemReader {
    struct State {
        var rows: [Int64: FoundItem] = [:]
        var collections: [SearchableCollection] = []
    }

    let state = Mutex(State())

    func read(_ items: [Int64]) async throws -> [Int64: FoundItem] {
        state.withLock { state in state.rows.filter { items.contains($0.key) } }
    }

    func collections() async throws -> [SearchableCollection] {
        state.withLock { $0.collections }
    }

    func item(key: String, in collection: SearchableCollection) async throws -> Int64? {
        state.withLock { state in
            state.rows.first { $0.value.key == key && $0.value.collection == collection.name }?.key
        }
    }
}

/// Embeds the words "x" and "y" as the axes of that name.
struct QueryByWord: QueryEmbedder {
    func embed(_ text: String, model: String) async throws -> (vector: [Float], space: String) {
        (text == "x" ? [1, 0] : [0, 1], text == "other" ? "two" : "one")
    }
}
