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
    /// Tokens of the longest text.
    private let longest: Int

    /// What starting a batch costs, in tokens of work: measured with all-MiniLM-L6-v2, batches of 8 against 128.
    private static let startCost = 20

    /// Cuts where padding and starts together cost least. O(n × `limit.texts`) after sorting.
    init(lengths: [Int], limit: BatchLimit) {
        let order = lengths.indices.sorted { (lengths[$0], $1) > (lengths[$1], $0) }
        let longest = order.first.map { lengths[$0] } ?? 0
        (self.order, self.longest) = (order, longest)
        // From the end: the least cost of the texts from a place on, and how many of them the first batch takes.
        var cost = [Int](repeating: 0, count: order.count + 1)
        var size = [Int](repeating: 0, count: order.count)
        for start in order.indices.reversed() {
            let width = Self.width(of: lengths[order[start]], longest: longest)
            let most = max(1, min(limit.texts, limit.tokens / width, order.count - start))
            var least = Int.max
            for count in 1...most where Self.isShape(count, limit: limit.texts, of: order.count) {
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

    /// Whether a batch may have so many texts: one, four, sixteen … or as many as are allowed, and where there are fewer
    /// than these in all, any power of two.
    ///
    /// The runtime keeps what it compiled for every shape, rows × width, that it has met. Over 60,000 texts a worker with
    /// batches of any size reached 1,075 MB. With these sizes and widths it meets a tenth of the shapes, most of them
    /// early, for 0.6 % more work.
    private static func isShape(_ count: Int, limit: Int, of all: Int) -> Bool {
        guard count != limit else { return true }
        return count.nonzeroBitCount == 1 && (all < limit || count.trailingZeroBitCount.isMultiple(of: 2))
    }

    /// The width to which a batch is padded whose longest text has so many tokens.
    func width(of length: Int) -> Int {
        Self.width(of: length, longest: longest)
    }

    /// The few long ones are rounded up, but never beyond the longest text that there is: the model may end there.
    private static func width(of length: Int, longest: Int) -> Int {
        let step = length <= 32 ? 1 : length <= 64 ? 2 : length <= 128 ? 4 : 8
        return min((max(1, length) + step - 1) / step * step, max(1, longest))
    }
}
