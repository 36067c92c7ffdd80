package import Embedding

/// An ``Embedder`` on the CPU through OpenVINO.
package final class OpenVINOEmbedder: Embedder {
    package let space: Space
    package let device: String
    private let tokenizer: any Tokenizer
    private let settings: OpenVINOSettings
    private let pool: RequestPool

    /// Loads `manifest`'s model from `folder`.
    ///
    /// - Throws: `badInput` (settings that do not fit), `deviceUnavailable`, `runtimeMissing`, `modelMissing`,
    ///   `modelCorrupt`, `outOfMemory`, `runtimeFailure`.
    @concurrent package static func load(
        _ manifest: ModelManifest, folder: String, tokenizer: any Tokenizer, settings: OpenVINOSettings
    ) async throws(EmbeddingError) -> OpenVINOEmbedder {
        try OpenVINOEmbedder(manifest, folder: folder, tokenizer: tokenizer, settings: settings)
    }

    private init(
        _ manifest: ModelManifest, folder: String, tokenizer: any Tokenizer, settings: OpenVINOSettings
    ) throws(EmbeddingError) {
        guard settings.device != .cuda else {
            throw EmbeddingError(
                .deviceUnavailable,
                "DEVICE=cuda is not to be had: this Millrace computes embeddings on the CPU only; use DEVICE=auto or DEVICE=cpu."
            )
        }
        guard settings.requests > 0, settings.interactiveRequests >= 0, settings.threads ?? 1 > 0 else {
            throw EmbeddingError(.badInput, "Infer requests and threads must be at least 1; correct the settings.")
        }
        let runtime = try OpenVINORuntime.load(folder: settings.runtimeFolder)
        let precision = try Self.precision(settings.precision, manifest, hasBF16: runtime.hasBF16)
        let path = try ModelFolder(manifest: manifest, path: folder).graph()

        func requests(_ hint: OpenVINOModel.Hint, _ count: Int) throws(EmbeddingError) -> [InferRequest] {
            guard count > 0 else { return [] }
            let model = try OpenVINOModel(
                runtime: runtime, manifest: manifest, path: path, precision: precision, hint: hint, requests: count,
                threads: settings.threads, cacheFolder: settings.cacheFolder)
            var requests: [InferRequest] = []
            for _ in 0..<count { requests.append(try InferRequest(model: model)) }
            return requests
        }
        // Requests of one compiled model queue for its threads in the order they start, so a reserved request is only
        // worth something with a compiled model, and threads, of its own.
        pool = RequestPool(
            bulk: try requests(.throughput, settings.requests),
            reserved: try requests(.latency, settings.interactiveRequests))
        space = manifest.space
        device = "CPU (\(runtime.processor), \(precision.rawValue))"
        self.tokenizer = tokenizer
        self.settings = settings
    }

    /// The precision to run in: the one asked for, if the model has it, else its best that the processor computes.
    static func precision(
        _ wanted: Precision?, _ manifest: ModelManifest, hasBF16: Bool
    ) throws(EmbeddingError) -> Precision {
        if let wanted {
            guard manifest.precisions.contains(wanted) else {
                let choices = manifest.precisions.map(\.rawValue).joined(separator: ", ")
                throw EmbeddingError(
                    .badInput,
                    "The model \(manifest.name) does not run in \(wanted.rawValue); choose \(choices), or another model."
                )
            }
            return wanted
        }
        return manifest.precisions.first { $0 != .bf16 || hasBF16 } ?? .f32
    }

    @concurrent package func embed(
        _ texts: [String], urgency: Urgency
    ) async throws(EmbeddingError) -> Embeddings {
        try await embed(tokens: await tokenize(texts), urgency: urgency)
    }

    /// Embeds texts that are already tokens; row i belongs to `tokens[i]`.
    @concurrent package func embed(
        tokens: [TokenIDs], urgency: Urgency
    ) async throws(EmbeddingError) -> Embeddings {
        guard tokens.allSatisfy({ !$0.ids.isEmpty }) else {
            throw EmbeddingError(.badInput, "A text has no tokens, not even special ones; check the model's tokenizer.")
        }
        let plan = BatchPlan(lengths: tokens.map(\.ids.count), limit: settings.batch)
        let rows = EmbeddingRows(count: tokens.count, dimension: space.dimension)
        let failure = await withTaskGroup(of: EmbeddingError?.self) { group in
            var next = 0
            var failure: EmbeddingError?
            func start() {
                guard next < plan.batches.count, failure == nil else { return }
                let batch = plan.order[plan.batches[next]]
                let width = plan.width(of: batch.first.map { tokens[$0].ids.count } ?? 1)
                next += 1
                group.addTask { await self.run(batch, of: tokens, width: width, urgency: urgency, into: rows) }
            }
            for _ in 0..<settings.requests { start() }
            while let outcome = await group.next() {
                failure = failure ?? outcome
                start()
            }
            return failure
        }
        if let failure { throw failure }
        return Embeddings(
            vectors: rows.vectors, dimension: space.dimension, tokenCounts: tokens.map { Int32($0.ids.count) },
            isTruncated: tokens.map(\.isTruncated))
    }

    private func run(
        _ batch: ArraySlice<Int>, of tokens: [TokenIDs], width: Int, urgency: Urgency, into rows: EmbeddingRows
    ) async -> EmbeddingError? {
        do throws(EmbeddingError) {
            try await pool.withRequest(urgency) { request async throws(EmbeddingError) in
                guard !Task.isCancelled else { throw EmbeddingError(.cancelled, "Embedding was cancelled.") }
                try await request.run(batch, of: tokens, width: width, padID: tokenizer.padID, into: rows)
            }
            return nil
        } catch {
            return error
        }
    }

    /// Tokens of every text; many texts are spread over tasks.
    private func tokenize(_ texts: [String]) async -> [TokenIDs] {
        guard texts.count > Self.textsToTokenizeAtOnce else { return texts.map(tokenizer.encode) }
        return await withTaskGroup(of: (Int, [TokenIDs]).self) { group in
            for start in stride(from: 0, to: texts.count, by: Self.textsToTokenizeAtOnce) {
                let piece = texts[start..<min(start + Self.textsToTokenizeAtOnce, texts.count)]
                group.addTask { (start, piece.map(self.tokenizer.encode)) }
            }
            var pieces: [(Int, [TokenIDs])] = []
            for await piece in group { pieces.append(piece) }
            return pieces.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
    }

    private static let textsToTokenizeAtOnce = 256
}
