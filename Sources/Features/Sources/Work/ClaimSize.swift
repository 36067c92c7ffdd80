import Core

/// How many rows a worker claims: as many as its model gets through in a moment, so that what is in its hands when it dies
/// is soon done by others, on a slow or busy machine as on a fast one. By halves and doubles of what was set: the runtime
/// keeps something for every size of batch that it meets.
struct ClaimSize {
    /// Rows of the next claim.
    private(set) var rows: Int
    private let most: Int
    private let time: Duration

    /// A batch below this would cost more to claim and settle than it takes over sooner.
    private static let least = 32

    /// Rows of the first claim: nothing is known yet.
    private static let first = 128

    /// - Parameters:
    ///   - most: rows of the largest claim.
    ///   - time: how long a batch may be inside the model.
    init(most: Int, time: Duration) {
        self.most = most
        self.time = time
        var rows = most
        while rows > Self.first { rows /= 2 }
        self.rows = rows
    }

    /// Learns from a claimed batch of `count` rows, of any number of sources, that was inside the model for `duration`.
    mutating func note(_ count: Int, took duration: Duration) {
        // A few rows say little: each call of the model has a cost of its own.
        guard count * 2 > rows, duration > .zero else { return }
        let suited = Int(Double(count) * time.seconds / duration.seconds)
        if suited >= rows * 2 {
            rows = min(rows * 2, most)
        } else {
            while rows > suited, rows / 2 >= Self.least { rows /= 2 }
        }
    }
}
