import Embedding
import Testing

@testable import InferenceOpenVINO

/// The real runtime and the real models.
@Suite(.serialized)
struct OpenVINOEmbedderTests {
    private let store: ModelStore
    private let tokenizer = HashTokenizer()

    init() throws { store = try Place.store() }

    private func embedder(
        _ model: String = "all-minilm-l6-v2", precision: Precision? = nil, requests: Int = 2,
        batch: BatchLimit = BatchLimit()
    ) async throws -> OpenVINOEmbedder {
        let manifest = try store.manifest(named: model)
        return try await OpenVINOEmbedder.load(
            manifest, folder: store.folder(of: manifest).path, tokenizer: tokenizer,
            settings: OpenVINOSettings(
                runtimeFolder: store.runtimeFolder, precision: precision, requests: requests, batch: batch))
    }

    private func words(_ texts: [String]) -> [Int32] {
        texts.flatMap { text in
            let ids = tokenizer.encode(text).ids
            return [Int32(ids.count)] + ids
        }
    }

    @Test func `a thousand texts agree with ONNX Runtime in float32`() async throws {
        let texts = someTexts(1000)
        let graph = try store.folder(of: store.manifest(named: "all-minilm-l6-v2")).graph()
        let reference = try Place.peer("reference_embeddings.py", ["onnx", graph], input: words(texts))
        for (model, precision, least) in [
            ("all-minilm-l6-v2", nil, 0.9999), ("all-minilm-l6-v2", .f32, 0.999_999),
            ("all-minilm-l6-v2-int8", nil, 0.99),
        ] as [(String, Precision?, Float)] {
            let embedder = try await embedder(model, precision: precision)
            let answer = try await embedder.embed(texts, urgency: .bulk)
            #expect(answer.rows == 1000 && answer.dimension == 384)
            #expect(answer.tokenCounts == texts.map { Int32(tokenizer.encode($0).ids.count) })
            #expect(answer.isTruncated.contains(true) && answer.isTruncated.contains(false))
            let worst = worstCosine(answer.vectors, reference, dimension: 384)
            #expect(worst >= least, "\(embedder.device)")
        }
    }

    @Test func `the graph written here is BERT, as NumPy computes it from the weights alone`() async throws {
        let texts = someTexts(8, seed: 9).map { String($0.prefix(60)) }
        let weights = store.folder(of: try store.manifest(named: "all-minilm-l6-v2")).path + "/model.safetensors"
        let reference = try Place.peer("reference_embeddings.py", ["numpy", weights], input: words(texts))
        let answer = try await embedder(precision: .f32).embed(texts, urgency: .bulk)
        #expect(worstCosine(answer.vectors, reference, dimension: 384) >= 0.999_999)
    }

    @Test func `a row does not depend on the texts it is batched with`() async throws {
        let texts = someTexts(60, seed: 3)
        let embedder = try await embedder(precision: .f32, batch: BatchLimit(texts: 7, tokens: 600))
        let together = try await embedder.embed(texts, urgency: .bulk)
        for index in [0, 17, 59] {
            let alone = try await embedder.embed([texts[index]], urgency: .interactive)
            #expect(worstCosine(Array(together[index]), alone.vectors, dimension: 384) > 0.999_999)
        }
    }

    @Test func `calls at the same time each get their own rows`() async throws {
        let embedder = try await embedder(batch: BatchLimit(texts: 4, tokens: 200))
        let expected = try await embedder.embed(someTexts(40, seed: 5), urgency: .bulk)
        try await withThrowingTaskGroup(of: Embeddings.self) { group in
            for index in 0..<6 {
                group.addTask {
                    try await embedder.embed(someTexts(40, seed: 5), urgency: index % 2 == 0 ? .bulk : .interactive)
                }
            }
            for try await answer in group {
                #expect(worstCosine(answer.vectors, expected.vectors, dimension: 384) > 0.9999)
            }
        }
    }

    @Test func `an interactive text is answered while bulk work goes on`() async throws {
        let embedder = try await embedder()
        let bulk = Task { try await embedder.embed(someTexts(3000), urgency: .bulk) }
        for _ in 0..<3 { _ = try await embedder.embed(["a query"], urgency: .interactive) }
        bulk.cancel()
        // Three answers take some milliseconds and the bulk call seconds, so it was still under way when cancelled.
        let error = await #expect(throws: EmbeddingError.self) { try await bulk.value }
        #expect(error?.code == .cancelled)
        #expect(try await embedder.embed(["still here"], urgency: .bulk).rows == 1)
    }

    @Test func `no texts give no rows, and an empty text gives a row`() async throws {
        let embedder = try await embedder()
        #expect(try await embedder.embed([], urgency: .bulk).rows == 0)
        let empty = try await embedder.embed([""], urgency: .bulk)
        #expect(empty.tokenCounts == [2])
        #expect(abs(worstCosine(empty.vectors, empty.vectors, dimension: 384) - 1) < 1e-5)
        await #expect(throws: EmbeddingError.self) {
            try await embedder.embed(tokens: [TokenIDs(ids: [], isTruncated: false)], urgency: .bulk)
        }
    }

    @Test func `the device tells processor and precision, and the space is the model's`() async throws {
        let embedder = try await embedder()
        let runtime = try OpenVINORuntime.load(folder: store.runtimeFolder)
        #expect(embedder.device == "CPU (\(runtime.processor), \(runtime.hasBF16 ? "bf16" : "f32"))")
        #expect(embedder.space == (try store.manifest(named: "all-minilm-l6-v2").space))
    }
}
