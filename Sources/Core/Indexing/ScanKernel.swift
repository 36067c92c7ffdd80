import CKernels

/// The machine code that computes inner products, chosen once for this processor.
struct ScanKernel: @unchecked Sendable {
    // Unchecked because of the pointers, which lead to constants of the program.
    private let table: UnsafePointer<mr_scan_kernel>

    /// The fastest one here.
    static let best = ScanKernel(table: mr_scan_kernel_best())

    private init(table: UnsafePointer<mr_scan_kernel>) {
        self.table = table
    }

    /// "avx512", "avx2" or "scalar"; nil where the processor lacks the instructions.
    init?(named name: String) {
        guard let table = mr_scan_kernel_named(name) else { return nil }
        self.table = table
    }

    var name: String { String(cString: table.pointee.name) }

    /// `scores[i]` = ⟨query, row i⟩ in float32, for `count` rows of `dimension` floats, row-major. O(count × dimension).
    func dots(
        _ query: UnsafePointer<Float>, _ rows: UnsafePointer<Float>, count: Int, dimension: Int,
        into scores: UnsafeMutablePointer<Float>
    ) {
        table.pointee.dots(query, rows, count, dimension, scores)
    }

    /// `scores[j × count + i]` = ⟨query j, row i⟩: one pass over the rows for all queries.
    func dots(
        queries: UnsafePointer<Float>, queryCount: Int, _ rows: UnsafePointer<Float>, count: Int, dimension: Int,
        into scores: UnsafeMutablePointer<Float>
    ) {
        table.pointee.dots_many(queries, queryCount, rows, count, dimension, scores)
    }

    /// How far a float32 score may lie from the true inner product, for any vectors of at most these norms.
    ///
    /// A sum in which each term passes at most n roundings errs by γₙ Σ|qᵢxᵢ| with γₙ = nu / (1 − nu), u = 2⁻²⁴ (Higham,
    /// Accuracy and Stability of Numerical Algorithms, 3.1), and Σ|qᵢxᵢ| ≤ ‖q‖‖x‖. Products too small for float32 add
    /// up to 2⁻¹⁴⁹ each. The few roundings allowed too many cover those of the sum in double.
    func errorBound(dimension: Int, queryNorm: Double, rowNorm: Double) -> Double {
        let roundings = Double((dimension + table.pointee.lanes - 1) / table.pointee.lanes + 8)
        let unit = 0x1p-24
        let gamma = roundings * unit / (1 - roundings * unit)
        return gamma * queryNorm * rowNorm + Double(dimension) * 0x1p-148
    }
}
