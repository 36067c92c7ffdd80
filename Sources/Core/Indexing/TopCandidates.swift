/// A row and its score in float32.
struct Candidate: Sendable {
    let score: Float
    let row: RowID
}

/// The rows that may be among the k best, by float32 scores that may be wrong by a known bound.
///
/// If each score is within e of the truth and the k-th best score seen is s, then k rows are truly at least s − e, so a
/// row whose score is below s − 2e cannot be among the k best. What is kept is everything else, which is exact: rows
/// that tie or nearly tie stay for the rescoring. O(1) amortised per candidate.
final class TopCandidates {
    private(set) var kept: [Candidate] = []
    /// The least score that still counts; −∞ until k rows are known.
    private(set) var bound = -Float.infinity
    private let k: Int
    private let errorBound: Double
    private var limit: Int

    init(k: Int, errorBound: Double) {
        self.k = k
        self.errorBound = errorBound
        limit = max(64, 2 * k)
    }

    func add(_ candidate: Candidate) {
        kept.append(candidate)
        if kept.count >= limit { prune() }
    }

    func add(_ others: TopCandidates) {
        kept.append(contentsOf: others.kept)
    }

    /// Drops what the bound rules out.
    func prune() {
        guard kept.count > k else { return }
        let best = Double(kept.withUnsafeMutableBufferPointer { Self.kthBest($0, k: k) })
        // Rounded down, so that rounding keeps a row too many rather than one too few.
        bound = max(bound, Float(best - 2 * errorBound).nextDown)
        kept.removeAll { $0.score < bound }
        // Many ties: make room, or every addition would prune.
        limit = max(limit, 2 * kept.count)
    }

    /// The k-th best score (k from 1), by Hoare's selection; reorders the candidates. Expected O(n).
    static func kthBest(_ candidates: UnsafeMutableBufferPointer<Candidate>, k: Int) -> Float {
        var low = 0
        var high = candidates.count - 1
        let target = k - 1
        while low < high {
            let pivot = median(
                candidates[low].score, candidates[low + (high - low) / 2].score, candidates[high].score)
            var left = low
            var right = high
            while left <= right {
                while candidates[left].score > pivot { left += 1 }
                while candidates[right].score < pivot { right -= 1 }
                if left <= right {
                    candidates.swapAt(left, right)
                    left += 1
                    right -= 1
                }
            }
            if target <= right {
                high = right
            } else if target >= left {
                low = left
            } else {
                break
            }
        }
        return candidates[target].score
    }

    private static func median(_ a: Float, _ b: Float, _ c: Float) -> Float {
        max(min(a, b), min(max(a, b), c))
    }
}
