import Core
import Search
import Sources

/// The sources' rows as search wants to see them.
struct SearchItems: ItemReader {
    let database: any Database

    func read(_ items: [Int64]) async throws -> [Int64: FoundItem] {
        try await SourceItems(database: database).read(items).mapValues {
            FoundItem(collection: $0.collection, key: $0.key.description, text: $0.text)
        }
    }

    func collections() async throws -> [SearchableCollection] {
        try await database.read { connection in try SourceStore().all(on: connection) }.map {
            SearchableCollection(source: $0.id, name: $0.collection, model: $0.definition.model)
        }
    }

    func item(key: String, in collection: SearchableCollection) async throws -> Int64? {
        try await SourceItems(database: database).item(key: key, of: collection.source)
    }
}
