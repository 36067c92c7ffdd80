import Core
import Indexing

/// What is asked of a search.
package struct SearchQuery: Sendable {
    package enum Like: Sendable {
        case text(String)
        case vector([Float])
        /// "More like this": the item of that key, itself left out.
        case item(key: String)
    }

    package var like: Like
    /// How many results, 1 to 10,000.
    package var k: Int
    /// nil: every collection in the query's space.
    package var collection: String?

    package init(_ like: Like, k: Int = 10, collection: String? = nil) {
        self.like = like
        self.k = k
        self.collection = collection
    }
}

/// What a search found.
package struct SearchAnswer: Sendable {
    package struct Result: Hashable, Sendable {
        package let item: FoundItem
        /// Cosine of the query and the row's embedding, -1 to 1.
        package let score: Double
    }

    package var results: [Result]
    /// How the answer was found: `exact`.
    package let method: String
    /// The collections that were searched.
    package let collections: [String]
}

/// Answers searches from the live index and shows the rows as they are now.
package struct SearchService: Sendable {
    /// Looked for beyond `k`, because hits whose row is gone are dropped.
    private static let margin = 16

    private let index: LiveIndex
    private let items: any ItemReader
    private let embedder: any QueryEmbedder

    package init(index: LiveIndex, items: any ItemReader, embedder: any QueryEmbedder) {
        self.index = index
        self.items = items
        self.embedder = embedder
    }

    /// Searches. - Throws: ``SearchError``, or what the embedder or the database throws.
    package func search(_ query: SearchQuery) async throws -> SearchAnswer {
        guard (1...Reader.largestK).contains(query.k) else {
            throw SearchError(.badQuery, "k is \(query.k): choose 1 to \(Reader.largestK)")
        }
        guard await index.isReady else {
            throw SearchError(.notReady, "the index is being rebuilt from the database: try again in a moment")
        }
        let collections = try await chosen(query.collection)
        let (vector, space, excluded) = try await resolve(query, collections)
        var readers: [Reader] = []
        var searched: [String] = []
        for collection in collections {
            guard let holding = await index.holding(of: collection.source, space: space) else {
                searched.append(collection.name)
                continue
            }
            if let space, holding.space != space {
                guard query.collection == nil else {
                    throw SearchError(
                        .spaceMismatch,
                        "collection \"\(collection.name)\" holds embeddings of another space than the query's: it is still being embedded with a new model, or the worker runs another one"
                    )
                }
                continue
            }
            guard vector.count == holding.index.dimension else {
                // One of several that the vector cannot be meant for; the last of them says so.
                if query.collection == nil, collection != collections.last || !readers.isEmpty { continue }
                throw SearchError(
                    .badQuery,
                    "the query's vector has \(vector.count) numbers, collection \"\(collection.name)\" has \(holding.index.dimension)"
                )
            }
            readers.append(holding.index.reader())
            searched.append(collection.name)
        }
        let results = try await results(of: vector, in: readers, k: query.k, without: excluded)
        return SearchAnswer(results: results, method: "exact", collections: searched)
    }

    /// The best `k` whose row is still there: looks wider as long as too many hits turn out to have none.
    private func results(
        of vector: [Float], in readers: [Reader], k: Int, without excluded: Int64?
    ) async throws -> [SearchAnswer.Result] {
        var width = min(k + Self.margin, Reader.largestK)
        while true {
            var hits = try readers.flatMap { try $0.search(vector, k: width) }
            hits.sort { ($1.score, $0.item) < ($0.score, $1.item) }
            let mayBeMore = hits.count >= width && width < Reader.largestK
            hits = Array(hits.prefix(width))
            let found = try await items.read(hits.map(\.item))
            let results = hits.filter { $0.item != excluded }.compactMap { hit in
                found[hit.item].map { SearchAnswer.Result(item: $0, score: hit.score) }
            }
            if results.count >= k || !mayBeMore { return Array(results.prefix(k)) }
            width = min(width * 4, Reader.largestK)
        }
    }

    private func chosen(_ name: String?) async throws -> [SearchableCollection] {
        let all = try await items.collections()
        guard !all.isEmpty else {
            throw SearchError(.noCollection, "there is nothing to search yet: attach a table with millrace source add")
        }
        guard let name else { return all }
        guard let collection = all.first(where: { $0.name == name }) else {
            let names = all.map(\.name).joined(separator: ", ")
            throw SearchError(.unknownCollection, "no collection is named \"\(name)\" — collections are: \(names)")
        }
        return [collection]
    }

    /// The query's vector, its space where known, and the item to leave out.
    private func resolve(
        _ query: SearchQuery, _ collections: [SearchableCollection]
    ) async throws -> (vector: [Float], space: String?, excluded: Int64?) {
        switch query.like {
        case .text(let text):
            guard text.contains(where: { !$0.isWhitespace }) else {
                throw SearchError(.badQuery, "the query is empty: say what to look for")
            }
            let (vector, space) = try await embedder.embed(text, model: collections[0].model)
            return (vector, space, nil)
        case .vector(let vector):
            let norm = vector.reduce(into: 0.0) { $0 += Double($1) * Double($1) }.squareRoot()
            guard norm > 0, norm.isFinite else {
                throw SearchError(
                    .badQuery, "the query's vector is empty, zero or not finite: give the numbers of an embedding")
            }
            return (vector.map { Float(Double($0) / norm) }, nil, nil)
        case .item(let key):
            for collection in collections {
                guard let item = try await items.item(key: key, in: collection),
                    let holding = await index.holding(of: collection.source),
                    let vector = holding.index.vector(of: item)
                else { continue }
                return (vector, holding.space, item)
            }
            throw SearchError(
                .unknownItem, "no embedded row has the key \"\(key)\": see millrace status for what is embedded")
        }
    }
}
