import Glibc

/// The models on this machine: a folder with a folder for each model, and beside it one for the runtime.
package struct ModelStore: Sendable {
    /// `<models>/NAME/…`.
    package let modelsFolder: String
    /// `<deps>/openvino-2026.4.1/…`.
    package let depsFolder: String
    /// The models known by name.
    package let manifests: [ModelManifest]
    /// The runtime that every model here needs.
    package let runtime: RuntimePackage

    /// A store; neither folder need exist.
    package init(
        modelsFolder: String, depsFolder: String, manifests: [ModelManifest] = ModelManifest.builtIn,
        runtime: RuntimePackage = .openVINO
    ) {
        self.modelsFolder = modelsFolder
        self.depsFolder = depsFolder
        self.manifests = manifests
        self.runtime = runtime
    }

    /// A line of `millrace models list`.
    package struct Listing: Sendable, Equatable {
        package let name: String
        package let summary: String
        package let dimension: Int
        /// Bytes of its files.
        package let bytes: Int
        package let state: ModelFolder.State
        /// Precisions it can run in, best first.
        package let precisions: [Precision]
    }

    /// Every known model, with what a look at the sizes of its files says. O(files).
    package func list() -> [Listing] {
        manifests.map { manifest in
            Listing(
                name: manifest.name, summary: manifest.summary, dimension: manifest.dimension,
                bytes: manifest.files.reduce(0) { $0 + $1.bytes }, state: folder(of: manifest).state(),
                precisions: manifest.precisions)
        }
    }

    /// The manifest of a model.
    /// - Throws: `modelMissing`, naming the models that are known.
    package func manifest(named name: String) throws(EmbeddingError) -> ModelManifest {
        if let manifest = manifests.first(where: { $0.name == name }) { return manifest }
        throw EmbeddingError(
            .modelMissing,
            "There is no model named '\(name)'; Millrace knows \(manifests.map(\.name).joined(separator: ", ")).")
    }

    /// Where a model lies or would lie.
    package func folder(of manifest: ModelManifest) -> ModelFolder {
        ModelFolder(manifest: manifest, path: modelsFolder + "/" + manifest.name)
    }

    /// Where the runtime lies or would lie.
    package var runtimeFolder: String { depsFolder + "/" + runtime.name }

    /// Reads every file of a model and compares checksums.
    /// - Throws: `modelMissing` for an unknown name.
    package func verify(_ name: String) throws(EmbeddingError) -> ModelFolder.State {
        folder(of: try manifest(named: name)).verify()
    }

    /// Whether the runtime's files are there, by size.
    package func hasRuntime() -> Bool {
        runtime.files.allSatisfy { file in
            var status = stat()
            return stat(runtimeFolder + "/" + file.path, &status) == 0 && Int(status.st_size) == file.bytes
        }
    }
}
