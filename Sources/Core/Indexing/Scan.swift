import CKernels
import Dispatch
import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// One pass over the rows of a view for one or several queries.
///
/// Threads take pieces of a block from a common counter, so one that starts late or is interrupted costs little. Each
/// keeps its own candidates; the merged ones are rescored in double.
struct Scan {
    let view: View
    let kernel: ScanKernel
    let dimension: Int
    /// `norms.count × dimension` floats, row-major.
    let queries: [Float]
    let norms: [Double]
    let k: Int

    /// A run of rows of one block.
    private struct Piece {
        let block: Block
        let slot: Int
        let rows: Range<Int>
    }

    /// Rows whose scores are computed before they are looked at: for a lone query few enough for the scores to stay in
    /// the first cache, for several few enough for the rows to stay in the second.
    private var step: Int { norms.count == 1 ? 1024 : 128 }

    /// The hits of each query, best first.
    func run(threads wanted: Int?) -> [[Hit]] {
        let pieces = self.pieces()
        let threads = min(max(1, wanted ?? suggestedThreads), max(1, pieces.count))
        let candidates = (0..<threads).map { _ in
            norms.map {
                TopCandidates(
                    k: k,
                    errorBound: kernel.errorBound(dimension: dimension, queryNorm: $0, rowNorm: view.longestNorm))
            }
        }
        let next = Atomic<Int>(0)
        if threads == 1 {
            work(pieces, next: next, into: candidates[0])
        } else {
            // Each iteration has candidates of its own, and the call returns when all are done.
            nonisolated(unsafe) let parts = candidates
            DispatchQueue.concurrentPerform(iterations: threads) { work(pieces, next: next, into: parts[$0]) }
        }
        return norms.indices.map { query in
            let merged = candidates[0][query]
            for other in candidates.dropFirst() { merged.add(other[query]) }
            merged.prune()
            return hits(merged.kept, query: query)
        }
    }

    private func pieces() -> [Piece] {
        var pieces: [Piece] = []
        for (slot, block) in view.layout.blocks.enumerated() {
            guard let block else { continue }
            let used = block.used
            for first in stride(from: 0, to: used, by: 1024) {
                pieces.append(Piece(block: block, slot: slot, rows: first..<min(first + 1024, used)))
            }
        }
        return pieces
    }

    /// A second thread takes some 20 µs to start, in which one reads about half a megabyte.
    private var suggestedThreads: Int {
        let bytes = view.count * dimension * MemoryLayout<Float>.stride * norms.count
        return min(Self.cores, bytes / (1 << 20))
    }

    private static let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

    private func work(_ pieces: [Piece], next: borrowing Atomic<Int>, into candidates: [TopCandidates]) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: step * norms.count) { scores in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: step) { indices in
                while true {
                    let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard piece < pieces.count else { return }
                    for first in stride(
                        from: pieces[piece].rows.lowerBound, to: pieces[piece].rows.upperBound, by: step)
                    {
                        let rows = first..<min(first + step, pieces[piece].rows.upperBound)
                        score(pieces[piece].block, rows, scores.baseAddress!)
                        for (query, candidates) in candidates.enumerated() {
                            collect(
                                pieces[piece], rows, scores.baseAddress! + query * rows.count,
                                indices.baseAddress!, into: candidates)
                        }
                    }
                }
            }
        }
    }

    private func score(_ block: Block, _ rows: Range<Int>, _ scores: UnsafeMutablePointer<Float>) {
        let vectors = block.vector(rows.lowerBound)
        queries.withUnsafeBufferPointer {
            if norms.count == 1 {
                kernel.dots($0.baseAddress!, vectors, count: rows.count, dimension: dimension, into: scores)
            } else {
                kernel.dots(
                    queries: $0.baseAddress!, queryCount: norms.count, vectors, count: rows.count,
                    dimension: dimension, into: scores)
            }
        }
    }

    /// Versions are looked at only for rows that score well enough.
    private func collect(
        _ piece: Piece, _ rows: Range<Int>, _ scores: UnsafePointer<Float>, _ indices: UnsafeMutablePointer<UInt32>,
        into candidates: TopCandidates
    ) {
        let found = mr_at_least(scores, rows.count, candidates.bound, indices)
        let capacity = view.layout.capacity
        for index in 0..<found {
            let offset = Int(indices[index])
            let row = rows.lowerBound + offset
            // The bound may have risen since.
            guard scores[offset] >= candidates.bound, piece.block.isVisible(row, at: view.version) else { continue }
            candidates.add(
                Candidate(score: scores[offset], row: RowID(slot: piece.slot, row: row, capacity: capacity)))
        }
    }

    private func hits(_ candidates: [Candidate], query: Int) -> [Hit] {
        let places = candidates.map { candidate -> (block: Block, row: Int) in
            guard let place = view.layout.place(of: candidate.row) else {
                preconditionFailure("a candidate comes from this layout")
            }
            return place
        }
        let rows: [UnsafePointer<Float>?] = places.map { UnsafePointer($0.block.vector($0.row)) }
        let scores = [Double](unsafeUninitializedCapacity: rows.count) { buffer, count in
            queries.withUnsafeBufferPointer {
                mr_dots_exact($0.baseAddress! + query * dimension, rows, rows.count, dimension, buffer.baseAddress!)
            }
            count = rows.count
        }
        var hits = zip(places, scores).map { Hit(item: $0.block.items[$0.row], score: $1) }
        hits.sort { $0.precedes($1) }
        return Array(hits.prefix(k))
    }
}
