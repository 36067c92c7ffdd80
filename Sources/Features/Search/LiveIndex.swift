package import Core
package import Indexing
package import Logging

/// The server's vector index, in step with the database by following the feed.
///
/// One ``VectorIndex`` per source and space. At the start it is rebuilt from the embeddings in short pages, then follows:
/// an entry names an item, and the item's present embedding is read in the same transaction as the entry.
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
    private var holdings: [SourceID: Holding] = [:]
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

    package func holding(of source: SourceID) -> Holding? {
        holdings[source]
    }

    package func all() -> [Holding] {
        holdings.values.sorted { $0.source < $1.source }
    }

    package func feedPosition() -> Int64 {
        position
    }

    /// Rebuilds, then follows until cancelled.
    package func run() async throws {
        try await rebuild()
        var mark = try await database.changeMark()
        var nextBeat = ContinuousClock.now + settings.heartbeat
        while !Task.isCancelled {
            do {
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

    /// Reads everything anew, page by page; searches go on over what is there.
    private func rebuild() async throws {
        let began = ContinuousClock.now
        let follower = follower
        // Written down first, so that what is pruned from here on is only what this rebuild will have seen.
        let start = try await database.write { [feed] connection in
            let head = try feed.head(on: connection)
            try feed.follow(follower, at: head, now: .now(), on: connection)
            return head
        }
        let known = holdings.mapValues { holding in Set<Int64>() }
        holdings = known.isEmpty ? holdings : [:]
        var item: Int64 = 0
        var count = 0
        while true {
            let (after, limit) = (item, settings.rebuildPage)
            let page = try await database.read { [embeddings] connection in
                try embeddings.page(after: after, limit: limit, on: connection)
            }
            try put(page, revision: start)
            count += page.count
            guard page.count == limit, let last = page.last else { break }
            item = last.item
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
    private func follow() async throws -> Bool {
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
            var removals: [SourceID: [Change]] = [:]
            for entry in entries where !there.contains(entry.item) {
                removals[entry.source, default: []].append(.remove(entry.item, revision: last.position))
            }
            for (source, changes) in removals {
                try holdings[source]?.index.apply(changes, through: last.position)
            }
            try put(present, revision: last.position)
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
            }
        }
    }

    /// The index of a source in a space. A vector of a new space begins a new index: only one space compares.
    private func holding(_ source: SourceID, _ space: String, _ dimension: Int) -> Holding {
        if let holding = holdings[source], holding.space == space { return holding }
        let holding = Holding(source: source, space: space, index: VectorIndex(dimension: dimension))
        holdings[source] = holding
        return holding
    }

    private func writePosition() async throws {
        let (follower, position) = (follower, position)
        try await database.write { [feed] connection in
            try feed.follow(follower, at: position, now: .now(), on: connection)
        }
    }

    private func compactSome() {
        for holding in holdings.values {
            _ = holding.index.compact()
            holding.index.forgetRemovals(through: position)
        }
    }
}
