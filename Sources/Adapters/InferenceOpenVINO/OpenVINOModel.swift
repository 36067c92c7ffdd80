import Embedding

/// A model compiled for the CPU, with the inputs it takes.
final class OpenVINOModel: Sendable {
    /// What to optimise the compiled model for.
    enum Hint: String { case throughput = "THROUGHPUT", latency = "LATENCY" }

    let runtime: OpenVINORuntime
    let inputs: [String]
    let output: String
    let dimension: Int
    let compiled: Handle

    /// Reads and compiles the graph at `path`.
    /// - Throws: `modelCorrupt` where it is no readable graph, `outOfMemory`, `runtimeFailure`.
    init(
        runtime: OpenVINORuntime, manifest: ModelManifest, path: String, precision: Precision, hint: Hint,
        requests: Int,
        threads: Int?, cacheFolder: String?
    ) throws(EmbeddingError) {
        self.runtime = runtime
        inputs = manifest.graph.inputs
        output = manifest.graph.output
        dimension = manifest.dimension
        let functions = runtime.functions
        var model: OpaquePointer?
        let advice = "reading \(path) (fetch it again with `millrace models pull \(manifest.name)`)"
        try functions.check(functions.coreReadModel(runtime.core.pointer, path, nil, &model), advice, as: .modelCorrupt)
        defer { functions.modelFree(model) }
        guard let model else { throw EmbeddingError(.modelCorrupt, "OpenVINO read no model from \(path).") }

        var properties = [("PERFORMANCE_HINT", hint.rawValue), ("PERFORMANCE_HINT_NUM_REQUESTS", String(requests))]
        // int8 weights carry their own precision; what is left in float runs in float32.
        properties.append(("INFERENCE_PRECISION_HINT", precision == .bf16 ? "bf16" : "f32"))
        // What is kept of shapes met before; by default 5,000 entries, a process that grows for as long as texts vary.
        properties.append(("CPU_RUNTIME_CACHE_CAPACITY", "128"))
        if let threads { properties.append(("INFERENCE_NUM_THREADS", String(threads))) }
        if let cacheFolder { properties.append(("CACHE_DIR", cacheFolder)) }
        var compiled: OpaquePointer?
        let status = withCStrings(properties.flatMap { [$0.0, $0.1] }) { strings in
            // `ov_property_t` is two pointers, key and value.
            functions.coreCompileModel(
                runtime.core.pointer, model, "CPU", properties.count, UnsafeMutableRawPointer(mutating: strings),
                &compiled)
        }
        try functions.check(status, "compiling \(path)")
        guard let compiled else { throw EmbeddingError(.runtimeFailure, "OpenVINO compiled no model from \(path).") }
        self.compiled = Handle(compiled)
    }

    deinit { runtime.functions.compiledModelFree(compiled.pointer) }

    /// A property of the compiled model as text, such as `NUM_STREAMS`.
    func property(_ key: String) -> String? {
        var value: UnsafeMutablePointer<CChar>?
        guard runtime.functions.compiledModelGetProperty(compiled.pointer, key, &value) == 0, let value else {
            return nil
        }
        defer { runtime.functions.free(value) }
        return String(cString: value)
    }
}

/// Calls `body` with an array of pointers to `texts` as C strings, valid during the call.
private func withCStrings<R>(_ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R) -> R {
    let bytes = texts.map { Array($0.utf8CString) }
    let offsets = bytes.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    return bytes.flatMap { $0 }.withUnsafeBufferPointer { all in
        let list: [UnsafePointer<CChar>?] = texts.indices.map { i in all.baseAddress.map { $0 + offsets[i] } }
        return list.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}
