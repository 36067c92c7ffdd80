import CKernels
import Embedding

/// One infer request and the buffers it reads: whoever holds it may run one batch at a time on it.
///
/// Not safe for use by two tasks at once; the ``RequestPool`` sees to that, hence `@unchecked`.
final class InferRequest: @unchecked Sendable {
    private let model: OpenVINOModel
    private let request: OpaquePointer
    /// `batch × tokens` of each input, reused while it suffices: ids, mask, then types (always 0).
    private var buffers: [UnsafeMutableBufferPointer<Int64>] = []
    private var capacity = 0
    /// `ov_callback_t`, a function and its argument. The library keeps the pointer, so this lives as long as the request.
    private let callback = UnsafeMutablePointer<(UnsafeMutableRawPointer, UnsafeMutableRawPointer)>.allocate(
        capacity: 1)
    private var waiting: UnsafeContinuation<Void, Never>?

    init(model: OpenVINOModel) throws(EmbeddingError) {
        self.model = model
        let functions = model.runtime.functions
        var request: OpaquePointer?
        try functions.check(
            functions.compiledModelCreateInferRequest(model.compiled.pointer, &request), "creating an infer request")
        guard let request else { throw EmbeddingError(.runtimeFailure, "OpenVINO created no infer request.") }
        self.request = request
        // The function may only wake the task that waits.
        let wake: @convention(c) (UnsafeMutableRawPointer?) -> Void = { argument in
            Unmanaged<InferRequest>.fromOpaque(argument!).takeUnretainedValue().waiting!.resume()
        }
        callback.initialize(
            to: (
                unsafeBitCast(wake, to: UnsafeMutableRawPointer.self),
                Unmanaged<InferRequest>.passUnretained(self).toOpaque()
            ))
        try functions.check(functions.inferRequestSetCallback(request, callback), "setting a callback")
    }

    deinit {
        model.runtime.functions.inferRequestFree(request)
        callback.deallocate()
        for buffer in buffers { buffer.deallocate() }
    }

    /// Runs the texts `batch` of `tokens`, padded to `width` tokens, and writes row `i`'s pooled embedding to
    /// `rows[i * dimension...]` for each i in `batch`.
    ///
    /// - Throws: `outOfMemory`, `runtimeFailure`.
    func run(
        _ batch: ArraySlice<Int>, of tokens: [TokenIDs], width: Int, padID: Int32, into rows: EmbeddingRows
    ) async throws(EmbeddingError) {
        let functions = model.runtime.functions
        reserve(batch.count * width)
        fill(batch, of: tokens, width: width, padID: padID)
        let tensors = try bindInputs(rows: batch.count, width: width)
        defer { for tensor in tensors { functions.tensorFree(tensor) } }

        var status: OpenVINOFunctions.Status = 0
        await withUnsafeContinuation { continuation in
            waiting = continuation
            status = functions.inferRequestStartAsync(request)
            if status != 0 { continuation.resume() }
        }
        try functions.check(status, "starting a batch of \(batch.count) × \(width) tokens")
        // The callback runs just before the request counts as finished; this waits for that moment and has the error.
        try functions.check(functions.inferRequestWait(request), "running a batch of \(batch.count) × \(width) tokens")
        try pool(batch, of: tokens, width: width, into: rows)
    }

    private func reserve(_ count: Int) {
        guard count > capacity else { return }
        for buffer in buffers { buffer.deallocate() }
        buffers = model.inputs.map { _ in .allocate(capacity: count) }
        for buffer in buffers { buffer.initialize(repeating: 0) }
        capacity = count
    }

    private func fill(_ batch: ArraySlice<Int>, of tokens: [TokenIDs], width: Int, padID: Int32) {
        let ids = buffers[0].baseAddress!
        let mask = buffers[1].baseAddress!
        var start = 0
        for text in batch {
            tokens[text].ids.withUnsafeBufferPointer { source in
                for t in 0..<source.count {
                    ids[start + t] = Int64(source[t])
                    mask[start + t] = 1
                }
                for t in source.count..<width {
                    ids[start + t] = Int64(padID)
                    mask[start + t] = 0
                }
            }
            start += width
        }
    }

    /// Tensors over the buffers, set as the request's inputs; they are to be freed after the run.
    private func bindInputs(rows: Int, width: Int) throws(EmbeddingError) -> [OpaquePointer] {
        let functions = model.runtime.functions
        var tensors: [OpaquePointer] = []
        for (name, buffer) in zip(model.inputs, buffers) {
            var shape: (Int64, Int64) = (Int64(rows), Int64(width))
            var tensor: OpaquePointer?
            var status = withUnsafeMutableBytes(of: &shape) { extents in
                functions.tensorCreateFromHostPointer(
                    Self.int64Type, 2, extents.baseAddress!.assumingMemoryBound(to: Int64.self),
                    UnsafeMutableRawPointer(buffer.baseAddress!), &tensor)
            }
            if status == 0, let tensor {
                tensors.append(tensor)
                status = functions.inferRequestSetTensor(request, name, tensor)
            }
            do throws(EmbeddingError) {
                try functions.check(status, "setting the input \(name)")
            } catch {
                for tensor in tensors { functions.tensorFree(tensor) }
                throw error
            }
        }
        return tensors
    }

    private func pool(
        _ batch: ArraySlice<Int>, of tokens: [TokenIDs], width: Int, into rows: EmbeddingRows
    ) throws(EmbeddingError) {
        let functions = model.runtime.functions
        var tensor: OpaquePointer?
        try functions.check(functions.inferRequestGetTensor(request, model.output, &tensor), "reading \(model.output)")
        defer { functions.tensorFree(tensor) }
        var bytes = 0
        var data: UnsafeMutableRawPointer?
        guard let tensor, functions.tensorGetByteSize(tensor, &bytes) == 0, functions.tensorData(tensor, &data) == 0,
            let data, bytes == batch.count * width * model.dimension * 4
        else {
            throw EmbeddingError(
                .modelCorrupt,
                "The output \(model.output) is not rows × tokens × \(model.dimension) floats; check the manifest.")
        }
        let hidden = data.assumingMemoryBound(to: Float.self)
        for (row, text) in batch.enumerated() {
            mr_pool_mean_l2(
                hidden + row * width * model.dimension, model.dimension, tokens[text].ids.count, rows.row(text))
        }
    }

    /// `I64` of `ov_element_type_e`.
    static let int64Type: UInt32 = 10
}
