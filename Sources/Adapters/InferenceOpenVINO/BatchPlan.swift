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

    /// O(n log n).
    init(lengths: [Int], limit: BatchLimit) {
        order = lengths.indices.sorted { (lengths[$0], $1) > (lengths[$1], $0) }
        var batches: [Range<Int>] = []
        var start = 0
        while start < order.count {
            let width = max(1, lengths[order[start]])
            let count = max(1, min(limit.texts, limit.tokens / width, order.count - start))
            batches.append(start..<start + count)
            start += count
        }
        self.batches = batches
    }
}
