/// How many texts go through the model at once.
package struct BatchLimit: Sendable, Equatable {
    /// Texts in a batch.
    package var texts: Int
    /// Tokens in a batch, padding included, so that long texts run in smaller batches: bounds memory, and how long an
    /// interactive request can have to share the device. A single text may exceed it.
    package var tokens: Int

    package init(texts: Int = 32, tokens: Int = 4096) {
        precondition(texts > 0 && tokens > 0)
        self.texts = texts
        self.tokens = tokens
    }
}

/// Cuts texts into batches of about equal length, since a batch is padded to its longest text.
struct BatchPlan: Equatable {
    /// Texts by number, longest first: if memory does not suffice, it shows at once.
    let order: [Int]
    /// Ranges of `order`.
    let batches: [Range<Int>]

    /// What starting a batch costs, in tokens of work: measured with all-MiniLM-L6-v2, batches of 8 against 128.
    private static let startCost = 20

    /// Cuts where padding and starts together cost least. O(n × `limit.texts`) after sorting.
    init(lengths: [Int], limit: BatchLimit) {
        order = lengths.indices.sorted { (lengths[$0], $1) > (lengths[$1], $0) }
        // From the end: the least cost of the texts from a place on, and how many of them the first batch takes.
        var cost = [Int](repeating: 0, count: order.count + 1)
        var size = [Int](repeating: 0, count: order.count)
        for start in order.indices.reversed() {
            let width = max(1, lengths[order[start]])
            let most = max(1, min(limit.texts, limit.tokens / width, order.count - start))
            var least = Int.max
            for count in 1...most where Self.isShape(count, most: most, rest: order.count - start) {
                let total = width * count + Self.startCost + cost[start + count]
                if total <= least { (least, size[start]) = (total, count) }
            }
            cost[start] = least
        }
        var batches: [Range<Int>] = []
        var start = 0
        while start < order.count {
            batches.append(start..<start + size[start])
            start += size[start]
        }
        self.batches = batches
    }

    /// Whether a batch may have so many texts. The runtime keeps what it compiled for every shape, rows × width, that it
    /// has met: over 60,000 texts a worker with batches of any size reached 1,075 MB, one with these few 516 MB.
    private static func isShape(_ count: Int, most: Int, rest: Int) -> Bool {
        count == 1 || count == 4 || count.isMultiple(of: 8) || count == rest || (most < 8 && count == most)
    }
}
