package import Core

/// Turns the words of a query into a vector: a worker does, for the server never loads a model.
package protocol QueryEmbedder: Sendable {
    /// Embeds one text with the named model, ahead of all bulk work.
    ///
    /// - Returns: the unit vector and the id of the space it lies in.
    func embed(_ text: String, model: String) async throws -> (vector: [Float], space: String)
}

/// Shows the rows behind items, as the user's table holds them now.
package protocol ItemReader: Sendable {
    /// The items among `items` whose row still exists.
    func read(_ items: [Int64]) async throws -> [Int64: FoundItem]

    /// The collections that can be searched.
    func collections() async throws -> [SearchableCollection]

    /// The item of a row by its key as people write it, or nil.
    func item(key: String, in collection: SearchableCollection) async throws -> Int64?
}

/// A row that a search found.
package struct FoundItem: Hashable, Sendable {
    package let collection: String
    /// The key as people write it.
    package let key: String
    /// The text that was embedded.
    package let text: String

    package init(collection: String, key: String, text: String) {
        self.collection = collection
        self.key = key
        self.text = text
    }
}

/// A collection as search sees it.
package struct SearchableCollection: Hashable, Sendable {
    package let source: SourceID
    package let name: String
    package let model: String

    package init(source: SourceID, name: String, model: String) {
        self.source = source
        self.name = name
        self.model = model
    }
}
