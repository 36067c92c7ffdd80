package import Core

/// Shows the rows behind items, as the user's table holds them now.
package struct SourceItems: Sendable {
    private let database: any Database

    package init(database: any Database) {
        self.database = database
    }

    /// A row that an item stands for.
    package struct Shown: Sendable {
        package let collection: String
        package let key: Key
        package let text: String
    }

    /// The items among `items` whose row still exists and has text.
    package func read(_ items: [Int64]) async throws -> [Int64: Shown] {
        try await database.read { connection in
            let keys = try EmbeddingStore().keys(of: items, on: connection)
            var shown: [Int64: Shown] = [:]
            var sources: [SourceID: (Source, RowStatements, Template)] = [:]
            for (item, place) in keys {
                if sources[place.source] == nil, let source = try SourceStore().find(place.source, on: connection) {
                    sources[place.source] = (source, RowStatements(source), try source.template)
                }
                guard let (source, statements, template) = sources[place.source],
                    let row = try Self.row(place.key, statements, on: connection),
                    let text = try? template.render(row.values)
                else { continue }
                shown[item] = Shown(collection: source.collection, key: place.key, text: text)
            }
            return shown
        }
    }

    /// nil also where the table cannot be read: its rows are not to be shown, those of other sources are.
    private static func row(
        _ key: Key, _ statements: RowStatements, on connection: any Connection
    ) throws(DatabaseError) -> Row? {
        guard let parameters = statements.parameters(for: key) else { return nil }
        do {
            return try connection.attempt { () throws(DatabaseError) in
                try connection.row(statements.readInput, parameters)
            }
        } catch {
            // A key of another type than the column's now is refused as a value.
            guard [.noSuchObject, .denied, .constraint].contains(error.code) else { throw error }
            return nil
        }
    }

    /// The item of a row by its key as people write it.
    package func item(key written: String, of source: SourceID) async throws -> Int64? {
        try await database.read { connection in
            guard let source = try SourceStore().find(source, on: connection) else { return nil }
            for key in SourceKeys.candidates(written, of: source) {
                let row = try connection.row(
                    .both("SELECT id FROM \(Table.embedding) WHERE source_id = :source AND key = :key"),
                    ["source": Value(source.id), "key": .text(key.literal)])
                if let row { return row.integer(0) }
            }
            return nil
        }
    }
}
