/// The rows of an answer while several batches write them, each its own rows; hence `@unchecked`.
final class EmbeddingRows: @unchecked Sendable {
    private let floats: UnsafeMutableBufferPointer<Float>
    private let dimension: Int

    init(count: Int, dimension: Int) {
        self.dimension = dimension
        floats = .allocate(capacity: count * dimension)
        floats.initialize(repeating: 0)
    }

    deinit { floats.deallocate() }

    /// Where row `index` begins: `dimension` floats.
    func row(_ index: Int) -> UnsafeMutablePointer<Float> {
        floats.baseAddress! + index * dimension
    }

    /// All rows, copied; to be called when every batch is done.
    var vectors: [Float] { Array(floats) }
}
