import Testing

@testable import Embedding

struct ModelStoreTests {
    private let folder: TemporaryFolder
    private let weights: [UInt8]
    private let store: ModelStore

    init() throws {
        folder = try TemporaryFolder()
        weights = try TinyBERT.weights()
        store = ModelStore(
            modelsFolder: folder.path + "/models", depsFolder: folder.path + "/deps",
            manifests: [try TinyBERT.manifest(weights: weights)])
    }

    private func install() throws {
        try folder.write(weights, to: "models/tiny/model.safetensors")
        try folder.write("{}", to: "models/tiny/tokenizer.json")
        try store.folder(of: store.manifests[0]).writeGraph()
    }

    @Test func `an absent model is listed as missing, and the error names the command that fetches it`() throws {
        let listing = try #require(store.list().first)
        #expect(listing.name == "tiny" && listing.dimension == 4 && listing.bytes == weights.count + 2)
        #expect(listing.state == .missing(["model.safetensors", "tokenizer.json", "model.onnx"]))
        let error = #expect(throws: EmbeddingError.self) { try store.folder(of: store.manifests[0]).graph() }
        #expect(error?.code == .modelMissing)
        #expect(error?.message.contains("millrace models pull tiny") == true)
        #expect(!store.hasRuntime())
    }

    @Test func `a whole model is present and verified`() throws {
        try install()
        #expect(store.list().first?.state == .present)
        #expect(try store.verify("tiny") == .present)
        #expect(try store.folder(of: store.manifests[0]).graph() == folder.path + "/models/tiny/model.onnx")
    }

    @Test func `a flipped bit is found before the model is loaded, in the weights and in the graph`() throws {
        for name in ["model.safetensors", "model.onnx"] {
            try install()
            var bytes = try folder.bytes(of: "models/tiny/" + name)
            bytes[bytes.count - 3] ^= 4
            try folder.write(bytes, to: "models/tiny/" + name)
            #expect(store.list().first?.state == .present)
            #expect(try store.verify("tiny") == .corrupt([name]))
            #expect(code { _ = try store.folder(of: store.manifests[0]).graph() } == .modelCorrupt)
        }
    }

    @Test func `a truncated file is found by its size`() throws {
        try install()
        try folder.write(weights.dropLast(), to: "models/tiny/model.safetensors")
        #expect(store.list().first?.state == .corrupt(["model.safetensors"]))
        #expect(code { _ = try store.folder(of: store.manifests[0]).graph() } == .modelCorrupt)
    }

    @Test func `an unknown name lists the known ones`() throws {
        let error = #expect(throws: EmbeddingError.self) { try store.manifest(named: "gpt") }
        #expect(error?.code == .modelMissing)
        #expect(error?.message == "There is no model named 'gpt'; Millrace knows tiny.")
        #expect(error?.isRetryable == false)
    }
}
