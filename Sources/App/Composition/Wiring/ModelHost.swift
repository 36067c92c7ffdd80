package import Embedding
import FoundationEssentials
import InferenceOpenVINO
package import Logging
import Sources

/// Loads models by name, each once, for the worker's bulk work and its queries alike.
package actor ModelHost: EmbedderProvider {
    private let settings: Settings
    private let logger: Logger
    private var loading: [String: Task<any Embedder, any Error>] = [:]

    package init(settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    package func embedder(for model: String) async throws(EmbeddingError) -> any Embedder {
        let task = loading[model] ?? load(model)
        do {
            return try await task.value
        } catch let error as EmbeddingError {
            loading[model] = nil
            throw error
        } catch {
            loading[model] = nil
            throw EmbeddingError(.runtimeFailure, "model \"\(model)\" could not be loaded: \(error)")
        }
    }

    /// One load per model, whoever asks first: callers that come meanwhile wait for the same one.
    private func load(_ model: String) -> Task<any Embedder, any Error> {
        let (settings, logger) = (settings, logger)
        let task = Task { () async throws -> any Embedder in
            let began = ContinuousClock.now
            let embedder = try await Self.load(model, settings)
            logger.info(
                "model loaded",
                metadata: [
                    "model": "\(model)", "device": "\(embedder.device)",
                    "seconds": "\(began.duration(to: .now))",
                ])
            return embedder
        }
        loading[model] = task
        return task
    }

    private static func load(_ model: String, _ settings: Settings) async throws(EmbeddingError) -> any Embedder {
        let store = settings.modelStore
        let manifest = try store.manifest(named: model)
        let folder = store.folder(of: manifest)
        try folder.requirePresent()
        var inference = OpenVINOSettings(
            runtimeFolder: store.runtimeFolder, device: Device(rawValue: settings.value(.device).value) ?? .auto,
            precision: Precision(rawValue: settings.value(.precision).value))
        inference.threads = settings.threads
        let path = folder.path + "/" + manifest.tokenizer.file
        guard let json = FileManager.default.contents(atPath: path) else {
            throw EmbeddingError(.modelMissing, "\(path) cannot be read: fetch it with millrace models pull \(model)")
        }
        let tokenizer: WordPieceTokenizer
        do {
            tokenizer = try WordPieceTokenizer(
                tokenizerJSON: Array(json), maxTokens: manifest.tokenizer.maximumTokens)
        } catch {
            throw EmbeddingError(.modelCorrupt, "\(path): \(error)")
        }
        return try await OpenVINOEmbedder.load(
            manifest, folder: folder.path, tokenizer: tokenizer, settings: inference)
    }
}

extension Settings {
    /// The models and the runtime that these settings name.
    package var modelStore: ModelStore {
        ModelStore(modelsFolder: models, depsFolder: deps)
    }

    /// The space of a model by its name; nil where the name is unknown here.
    package func space(of model: String) -> Space? {
        try? modelStore.manifest(named: model).space
    }

    /// The space of a model that a source names.
    package func knownSpace(of model: String) throws(Failure) -> Space {
        guard let space = space(of: model) else {
            throw Failure(.config, "model \"\(model)\" is unknown to this program: see millrace models list")
        }
        return space
    }
}
