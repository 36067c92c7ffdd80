import Embedding
import Foundation
import Testing

@testable import InferenceOpenVINO

/// Everything that can be wrong before the first text: one sentence each, and never a crash.
@Suite(.serialized)
struct BadInputTests {
    private let store: ModelStore
    private let folder: Place.Folder

    init() throws {
        store = try Place.store()
        folder = try Place.Folder()
    }

    /// The error of loading `model`, whose folder and settings may be others than the real ones.
    private func failure(
        _ model: String = "all-minilm-l6-v2-int8", folder: String? = nil,
        _ change: (inout OpenVINOSettings) -> Void = { _ in }
    ) async throws -> EmbeddingError? {
        let manifest = try store.manifest(named: model)
        var settings = OpenVINOSettings(runtimeFolder: store.runtimeFolder)
        change(&settings)
        do throws(EmbeddingError) {
            _ = try await OpenVINOEmbedder.load(
                manifest, folder: folder ?? store.folder(of: manifest).path, tokenizer: HashTokenizer(),
                settings: settings)
            return nil
        } catch {
            return error
        }
    }

    /// A copy of a model's folder with one file replaced by `bytes`, the others linked.
    private func damaged(_ model: String, _ file: String, _ bytes: Data) throws -> String {
        let real = store.folder(of: try store.manifest(named: model)).path
        for name in try FileManager.default.contentsOfDirectory(atPath: real) where name != file {
            try FileManager.default.createSymbolicLink(
                atPath: folder.url(name).path, withDestinationPath: real + "/" + name)
        }
        try bytes.write(to: folder.url(file))
        return folder.path
    }

    @Test func `a runtime that is not there names the command that fetches it`() async throws {
        let error = try await failure { $0.runtimeFolder = "/nonexistent" }
        #expect(error?.code == .runtimeMissing)
        #expect(error?.message.contains("/nonexistent/lib/libopenvino_c.so.2641") == true)
        #expect(error?.message.contains("millrace models pull") == true)
    }

    @Test func `a file that is no library is refused`() async throws {
        try FileManager.default.createDirectory(at: folder.url("lib"), withIntermediateDirectories: true)
        try Data("no library".utf8).write(to: folder.url("lib/libopenvino_c.so.2641"))
        let error = try await failure { $0.runtimeFolder = folder.path }
        #expect(error?.code == .runtimeMissing)
    }

    @Test func `another version than the one pinned is refused`() throws {
        let json = String(decoding: try JSONEncoder().encode(RuntimePackage.openVINO), as: UTF8.self)
        let other = try JSONDecoder().decode(
            RuntimePackage.self,
            from: Data(json.replacing(#""version":"2026.4.1""#, with: #""version":"2025.1.0""#).utf8))
        let error = #expect(throws: EmbeddingError.self) {
            try OpenVINORuntime.load(folder: store.runtimeFolder, package: other)
        }
        #expect(error?.code == .runtimeMissing)
        #expect(error?.message.contains("2025.1.0") == true && error?.message.contains("2026.4.1") == true)
    }

    @Test func `a model that is not there names the command that fetches it`() async throws {
        let error = try await failure("all-minilm-l6-v2", folder: folder.path)
        #expect(error?.code == .modelMissing)
        #expect(error?.message.contains("millrace models pull all-minilm-l6-v2") == true)
    }

    @Test func `truncated weights are found on load`() async throws {
        let real = store.folder(of: try store.manifest(named: "all-minilm-l6-v2")).path + "/model.safetensors"
        let start = try #require(try FileHandle(forReadingFrom: URL(fileURLWithPath: real)).read(upToCount: 1 << 20))
        let error = try await failure(
            "all-minilm-l6-v2", folder: try damaged("all-minilm-l6-v2", "model.safetensors", start))
        #expect(error?.code == .modelCorrupt)
    }

    @Test func `a graph of the right size that is no graph is found by the runtime`() async throws {
        let bytes = try store.manifest(named: "all-minilm-l6-v2-int8").files[0].bytes
        let error = try await failure(folder: try damaged("all-minilm-l6-v2-int8", "model.onnx", Data(count: bytes)))
        #expect(error?.code == .modelCorrupt)
        #expect(error?.message.contains("millrace models pull all-minilm-l6-v2-int8") == true)
    }

    @Test(arguments: [0, 1, 100, 5000])
    func `a truncated graph that points into the weights is found by the runtime`(length: Int) async throws {
        let real = store.folder(of: try store.manifest(named: "all-minilm-l6-v2")).path + "/model.onnx"
        let start = try Data(contentsOf: URL(fileURLWithPath: real)).prefix(length)
        let error = try await failure("all-minilm-l6-v2", folder: try damaged("all-minilm-l6-v2", "model.onnx", start))
        #expect(error?.code == .modelCorrupt)
    }

    @Test func `cuda is one clear sentence`() async throws {
        let error = try await failure { $0.device = .cuda }
        #expect(error?.code == .deviceUnavailable)
        #expect(error?.message.contains("DEVICE=cpu") == true)
        #expect(error?.isRetryable == false)
    }

    @Test func `a precision that the model has not, and no requests at all, are refused`() async throws {
        let error = try await failure { $0.precision = .bf16 }
        #expect(error?.code == .badInput)
        #expect(error?.message.contains("int8") == true)
        #expect(try await failure { $0.requests = 0 }?.code == .badInput)
    }

    @Test func `the best precision is taken that the processor computes`() throws {
        let manifest = try store.manifest(named: "all-minilm-l6-v2")
        #expect(try OpenVINOEmbedder.precision(nil, manifest, hasBF16: true) == .bf16)
        #expect(try OpenVINOEmbedder.precision(nil, manifest, hasBF16: false) == .f32)
        #expect(try OpenVINOEmbedder.precision(.f32, manifest, hasBF16: true) == .f32)
    }

    @Test(arguments: [
        ("std::bad_alloc", true), ("Exception: Cannot allocate memory", true), ("CUDA out of memory", true),
        ("could not create a primitive descriptor", false), ("shape mismatch", false),
    ])
    func `errors about memory are told from others`(message: String, isMemory: Bool) {
        #expect(OpenVINOFunctions.tellsOfMemory(message) == isMemory)
    }
}
