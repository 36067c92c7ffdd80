/// How many rows are held in memory at a time: few where they are large.
struct PageSize: Hashable, Sendable {
    /// Rows of the next page.
    private(set) var rows = 100
    private static let bytes = 4_000_000..<16_000_000
    private static let most = 2000

    /// Learns from a page that was read.
    mutating func learn(rows count: Int, bytes: Int) {
        guard count > 0 else { return }
        if bytes >= Self.bytes.upperBound {
            rows = max(1, count / 2)
        } else if bytes < Self.bytes.lowerBound, count == rows {
            rows = min(rows * 2, Self.most)
        }
    }
}
