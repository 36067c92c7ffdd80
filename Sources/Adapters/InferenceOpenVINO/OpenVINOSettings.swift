package import Embedding

/// Where to compute, as `DEVICE` says it.
package enum Device: String, Sendable, CaseIterable {
    /// The best that is to be had here: with this adapter the CPU.
    case auto
    case cpu
    case cuda
}

/// How an ``OpenVINOEmbedder`` runs. On two busy cores, CPU time for a text differed by less than the noise between
/// batches of 16 and 64 and between 2 and 6 requests; the defaults lie in the middle.
package struct OpenVINOSettings: Sendable {
    /// The folder of the runtime, `<deps>/openvino-2026.4.1`.
    package var runtimeFolder: String
    package var device: Device
    /// nil chooses: bf16 where the processor has it and the model allows it, else the model's best other.
    package var precision: Precision?
    /// Infer requests for bulk work.
    package var requests: Int
    /// Infer requests kept for interactive callers; they have a compiled model of their own. 0 where only bulk work comes.
    package var interactiveRequests: Int
    /// Threads of the runtime; nil leaves it one for each core.
    package var threads: Int?
    package var batch: BatchLimit
    /// Where compiled models are kept for the next start; nil keeps none.
    package var cacheFolder: String?

    package init(
        runtimeFolder: String, device: Device = .auto, precision: Precision? = nil, requests: Int = 4,
        interactiveRequests: Int = 1, threads: Int? = nil, batch: BatchLimit = BatchLimit(), cacheFolder: String? = nil
    ) {
        self.runtimeFolder = runtimeFolder
        self.device = device
        self.precision = precision
        self.requests = requests
        self.interactiveRequests = interactiveRequests
        self.threads = threads
        self.batch = batch
        self.cacheFolder = cacheFolder
    }
}
