import Glibc

/// A model's files in one folder.
package struct ModelFolder: Sendable {
    package let manifest: ModelManifest
    package let path: String

    /// The folder `path`, which need not exist.
    package init(manifest: ModelManifest, path: String) {
        self.manifest = manifest
        self.path = path
    }

    /// What is wrong, if anything.
    package enum State: Sendable, Equatable {
        case present
        /// These paths are absent.
        case missing([String])
        /// These paths are not what the manifest says.
        case corrupt([String])
    }

    /// Compares sizes only: quick, finds what is absent or cut short. ``verify()`` finds the rest.
    package func state() -> State {
        var missing: [String] = []
        var corrupt: [String] = []
        for file in manifest.files {
            switch size(of: file.path) {
            case nil: missing.append(file.path)
            case file.bytes: break
            default: corrupt.append(file.path)
            }
        }
        if manifest.graph.kind == .bert, size(of: manifest.graph.file) == nil { missing.append(manifest.graph.file) }
        if !missing.isEmpty { return .missing(missing) }
        return corrupt.isEmpty ? .present : .corrupt(corrupt)
    }

    /// Reads every file and compares its SHA-256, and a graph written here with the bytes it should have.
    package func verify() -> State {
        guard case .present = state() else { return state() }
        var corrupt = manifest.files.filter { SHA256.digest(ofFile: path + "/" + $0.path) != $0.sha256 }.map(\.path)
        if manifest.graph.kind == .bert, corrupt.isEmpty {
            var hash = SHA256()
            let expected = try? BERTGraph.onnx(for: manifest, in: path)
            expected?.withUnsafeBytes { hash.add($0) }
            if expected == nil || SHA256.digest(ofFile: path + "/" + manifest.graph.file) != hash.finish() {
                corrupt.append(manifest.graph.file)
            }
        }
        return corrupt.isEmpty ? .present : .corrupt(corrupt)
    }

    /// The path of the ONNX graph, after ``verify()`` has found every file right: a damaged model would embed, wrongly.
    /// - Throws: `modelMissing`, `modelCorrupt`.
    package func graph() throws(EmbeddingError) -> String {
        try Self.require(verify(), manifest, path)
        return path + "/" + manifest.graph.file
    }

    /// Requires what ``state()`` sees, at a glance.
    /// - Throws: `modelMissing`, `modelCorrupt`.
    package func requirePresent() throws(EmbeddingError) {
        try Self.require(state(), manifest, path)
    }

    private static func require(
        _ state: State, _ manifest: ModelManifest, _ path: String
    ) throws(EmbeddingError) {
        switch state {
        case .present: return
        case .missing(let files):
            throw EmbeddingError(
                .modelMissing,
                "The model \(manifest.name) is not whole in \(path) (\(files.joined(separator: ", ")) missing); fetch it with `millrace models pull \(manifest.name)`."
            )
        case .corrupt(let files):
            throw EmbeddingError(
                .modelCorrupt,
                "The model \(manifest.name) in \(path) is damaged (\(files.joined(separator: ", "))); fetch it again with `millrace models pull \(manifest.name)`."
            )
        }
    }

    /// Writes the graph of a model whose manifest says that it is written here; does nothing for others.
    /// - Throws: `modelCorrupt`, `modelMissing`, `badInput`; `runtimeFailure` where the file cannot be written.
    package func writeGraph() throws(EmbeddingError) {
        guard manifest.graph.kind == .bert else { return }
        try write(try BERTGraph.onnx(for: manifest, in: path), to: path + "/" + manifest.graph.file)
    }

    private func size(of file: String) -> Int? {
        var status = stat()
        guard stat(path + "/" + file, &status) == 0 else { return nil }
        return Int(status.st_size)
    }
}

/// Writes a whole file.
func write(_ bytes: [UInt8], to path: String) throws(EmbeddingError) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else {
        throw EmbeddingError(.runtimeFailure, "\(path) cannot be written (\(reason())); check the folder.")
    }
    defer { close(file) }
    var done = 0
    while done < bytes.count {
        let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + done, bytes.count - done) }
        guard count > 0 else {
            throw EmbeddingError(.runtimeFailure, "\(path) cannot be written (\(reason())); check the disk.")
        }
        done += count
    }
}

/// The text of the last system call's error.
func reason() -> String { String(cString: strerror(errno)) }
