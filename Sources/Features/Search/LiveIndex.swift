package import Core
package import Indexing
package import Logging

/// The server's vector index, in step with the database by following the feed.
///
/// One ``VectorIndex`` per source and space: while a source is embedded anew by another model it has two, and the fuller
/// one answers. At the start it is rebuilt from the embeddings in short pages, then follows: an entry names an item, and
/// the item's present embedding is read in the same transaction as the entry.
package actor LiveIndex {
    package struct Settings: Sendable {
        /// Embeddings read per transaction of a rebuild.
        package var rebuildPage = 2000
        /// Feed entries applied per step.
        package var step = 2000
        /// How often to look whether anybody has committed.
        package var glance = Duration.milliseconds(5)
        /// How often to look anyway, and to say how far it has come.
        package var heartbeat = Duration.seconds(5)

        package init() {}
    }

    /// What one collection's index holds.
    package struct Holding: Sendable {
        package let source: SourceID
        package let space: String
        package let index: VectorIndex
    }

    private let database: any Database
    private let follower: String
    private let settings: Settings
    private let logger: Logger
    private var holdings: [SourceID: [String: Holding]] = [:]
    private(set) var position: Int64 = 0
    /// Whether the first rebuild is complete.
    package private(set) var isReady = false
    private let embeddings = EmbeddingStore()
    private let feed = FeedStore()

    /// - Parameter follower: the name under which the position is written down; one per server.
    package init(database: any Database, follower: String, settings: Settings = Settings(), logger: Logger) {
        self.database = database
        self.follower = follower
        self.settings = settings
        self.logger = logger
    }

    /// What answers for a source: its index in that space, or its fullest one. nil where nothing is embedded.
    package func holding(of source: SourceID, space: String? = nil) -> Holding? {
        guard let spaces = holdings[source] else { return nil }
        if let space, let holding = spaces[space] { return holding }
        return spaces.values.max { ($0.index.count, $0.space) < ($1.index.count, $1.space) }
    }

    /// What answers for each source.
    package func all() -> [Holding] {
        holdings.keys.sorted().compactMap { holding(of: $0) }
    }

    package func feedPosition() -> Int64 {
        position
    }

    /// Rebuilds, then follows until it is cancelled, which it throws.
    package func run() async throws {
        var mark: Int64 = -1
        var nextBeat = ContinuousClock.now + settings.heartbeat
        while true {
            try Task.checkCancellation()
            do {
                if !isReady {
                    mark = try await database.changeMark()
                    try await rebuild()
                }
                while try await follow() {}
                if ContinuousClock.now >= nextBeat {
                    try await writePosition()
                    compactSome()
                    nextBeat = ContinuousClock.now + settings.heartbeat
                }
                repeat {
                    try await Task.sleep(for: settings.glance)
                } while try await database.changeMark() == mark && ContinuousClock.now < nextBeat
                mark = try await database.changeMark()
            } catch let error as DatabaseError where error.isRetryable {
                logger.warning("the feed could not be read; trying again", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// Reads everything anew, page by page, into what is there: searches go on over it, vectors that did not change are
    /// not written again, and what the database no longer has is gone at the end.
    func rebuild() async throws {
        let began = ContinuousClock.now
        let follower = follower
        // Written down first, so that what is pruned from here on is only what this rebuild will have seen.
        let start = try await database.write { [feed] connection in
            let head = try feed.head(on: connection)
            try feed.follow(follower, at: head, now: .now(), on: connection)
            return head
        }
        var unseen = holdings.mapValues { $0.mapValues { Set($0.index.reader().items) } }
        var item: Int64 = 0
        var count = 0
        while true {
            let (after, limit) = (item, settings.rebuildPage)
            let page = try await database.read { [embeddings] connection in
                try embeddings.page(after: after, limit: limit, on: connection)
            }
            for entry in page { unseen[entry.source]?[entry.space]?.remove(entry.item) }
            let news = page.filter { entry in
                holdings[entry.source]?[entry.space]?.index.vector(of: entry.item) != entry.vector
            }
            try put(news, revision: start)
            count += page.count
            guard page.count == limit, let last = page.last else { break }
            item = last.item
        }
        for (source, spaces) in unseen {
            for (space, items) in spaces {
                try holdings[source]?[space]?.index.apply(
                    items.map { .remove($0, revision: start) }, through: start)
            }
            dropEmpty(source)
        }
        // What it has read may not have been on PostgreSQL's disk yet. This gets there after all of it.
        try await database.write { [feed] connection in
            try connection.commitFlushed()
            try feed.follow(follower, at: start, now: .now(), on: connection)
        }
        position = start
        isReady = true
        logger.info(
            "index rebuilt",
            metadata: [
                "vectors": "\(count)", "position": "\(start)",
                "seconds": "\((began.duration(to: .now).seconds * 1000).rounded() / 1000)",
            ])
    }

    /// Applies the next entries. - Returns: whether there may be more.
    func follow() async throws -> Bool {
        let (position, limit) = (position, settings.step)
        let (reading, present) = try await database.read { [feed, embeddings] connection in
            let reading = try feed.read(after: position, limit: limit, on: connection)
            guard case .entries(let entries) = reading else { return (reading, [EmbeddingStore.Entry]()) }
            return (reading, try embeddings.entries(Array(Set(entries.map(\.item))), on: connection))
        }
        switch reading {
        case .tooOld(let floor):
            logger.notice(
                "the feed was pruned past this index; rebuilding",
                metadata: ["position": "\(position)", "floor": "\(floor)"])
            try await rebuild()
            return true
        case .entries(let entries):
            guard let last = entries.last else { return false }
            let there = Set(present.map(\.item))
            try put(present, revision: last.position)
            var removals: [SourceID: [Change]] = [:]
            for entry in entries where !there.contains(entry.item) {
                removals[entry.source, default: []].append(.remove(entry.item, revision: last.position))
            }
            for (source, changes) in removals {
                for holding in holdings[source, default: [:]].values {
                    try holding.index.apply(changes, through: last.position)
                }
                dropEmpty(source)
            }
            self.position = last.position
            return entries.count == limit
        }
    }

    private func put(_ entries: [EmbeddingStore.Entry], revision: Int64) throws {
        for (source, entries) in Dictionary(grouping: entries, by: \.source) {
            for (space, entries) in Dictionary(grouping: entries, by: \.space) {
                guard let dimension = entries.first?.vector.count, dimension > 0 else { continue }
                let holding = holding(source, space, dimension)
                try holding.index.apply(
                    entries.lazy.map { .upsert($0.item, revision: revision, $0.vector) }, through: revision)
                try leaveOtherSpaces(entries.map(\.item), source, space, revision: revision)
            }
        }
    }

    /// An item lies in one space: embedded anew by another model, it leaves the old index.
    private func leaveOtherSpaces(_ items: [Int64], _ source: SourceID, _ space: String, revision: Int64) throws {
        guard let spaces = holdings[source], spaces.count > 1 else { return }
        for holding in spaces.values where holding.space != space {
            let leaving = items.filter(holding.index.contains)
            try holding.index.apply(leaving.map { .remove($0, revision: revision) }, through: revision)
        }
        dropEmpty(source)
    }

    private func holding(_ source: SourceID, _ space: String, _ dimension: Int) -> Holding {
        if let holding = holdings[source]?[space] { return holding }
        let holding = Holding(source: source, space: space, index: VectorIndex(dimension: dimension))
        holdings[source, default: [:]][space] = holding
        return holding
    }

    /// Lets indexes go that hold nothing any more: of a removed source, of a model that was replaced.
    private func dropEmpty(_ source: SourceID) {
        let kept = holdings[source, default: [:]].filter { $0.value.index.count > 0 }
        holdings[source] = kept.isEmpty ? nil : kept
    }

    private func writePosition() async throws {
        let (follower, position) = (follower, position)
        try await database.write { [feed] connection in
            try feed.follow(follower, at: position, now: .now(), on: connection)
        }
    }

    private func compactSome() {
        for holding in holdings.values.flatMap(\.values) {
            _ = holding.index.compact()
            holding.index.forgetRemovals(through: position)
        }
    }
}
