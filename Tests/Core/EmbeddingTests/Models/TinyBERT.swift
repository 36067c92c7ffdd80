import Foundation

@testable import Embedding

/// A BERT of one layer and four features, for tests that need the form of a model and not its sense.
enum TinyBERT {
    static let width = 4
    static let wide = 8

    static let shapes: [(String, [Int])] = {
        let layer = "encoder.layer.0"
        var shapes = [
            ("embeddings.word_embeddings.weight", [10, width]), ("embeddings.position_embeddings.weight", [6, width]),
            ("embeddings.token_type_embeddings.weight", [2, width]), ("embeddings.LayerNorm.weight", [width]),
            ("embeddings.LayerNorm.bias", [width]),
        ]
        for name in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
            shapes += [("\(layer).\(name).weight", [width, width]), ("\(layer).\(name).bias", [width])]
        }
        shapes += [
            ("\(layer).intermediate.dense.weight", [wide, width]), ("\(layer).intermediate.dense.bias", [wide]),
            ("\(layer).output.dense.weight", [width, wide]), ("\(layer).output.dense.bias", [width]),
        ]
        for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
            shapes += [("\(layer).\(name).weight", [width]), ("\(layer).\(name).bias", [width])]
        }
        return shapes
    }()

    /// A safetensors file of tensors that count upwards; `header` may change the entry of each.
    static func weights(
        _ shapes: [(String, [Int])] = shapes, header change: (inout [String: Any]) -> Void = { _ in }
    ) throws -> [UInt8] {
        var header: [String: Any] = ["__metadata__": ["format": "pt"]]
        var floats: [Float] = []
        for (name, shape) in shapes {
            let count = shape.reduce(1, *)
            header[name] = [
                "dtype": "F32", "shape": shape, "data_offsets": [floats.count * 4, (floats.count + count) * 4],
            ]
            floats += (0..<count).map { Float(floats.count + $0) / 100 }
        }
        change(&header)
        let json = [UInt8](try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys]))
        return withUnsafeBytes(of: UInt64(json.count).littleEndian, Array.init) + json
            + floats.withUnsafeBytes { Array($0) }
    }

    /// Its manifest, whose files come from the wheel `tiny-model` 1.0.
    static func manifest(
        weights: [UInt8], tokenizer: [UInt8] = Array("{}".utf8),
        wheelSHA256: String = String(repeating: "0", count: 64),
        change: (inout [String: Any]) -> Void = { _ in }
    ) throws -> ModelManifest {
        func file(_ path: String, _ bytes: [UInt8]) -> [String: Any] {
            [
                "path": path, "bytes": bytes.count, "sha256": sha256(bytes), "wheel": "tiny-model",
                "member": "tiny_model/\(path)",
            ]
        }
        var manifest: [String: Any] = [
            "format": 1, "name": "tiny", "summary": "A tiny model", "modality": "text", "dimension": width,
            "license": "MIT", "tokenizer": ["kind": "wordpiece", "file": "tokenizer.json", "maximumTokens": 6],
            "pooling": "mean", "normalisation": "l2", "precisions": ["bf16", "f32"],
            "graph": [
                "kind": "bert", "file": "model.onnx", "weights": "model.safetensors",
                "inputs": ["input_ids", "attention_mask"], "output": "last_hidden_state", "layers": 1, "heads": 2,
                "normEpsilon": 1e-12,
            ] as [String: Any],
            "wheels": [["name": "tiny-model", "version": "1.0", "sha256": wheelSHA256, "bytes": 1]],
            "files": [file("model.safetensors", weights), file("tokenizer.json", tokenizer)],
        ]
        change(&manifest)
        return try ModelManifest(json: [UInt8](try JSONSerialization.data(withJSONObject: manifest)))
    }

    static func sha256(_ bytes: [UInt8]) -> String {
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.add($0) }
        return hash.finish()
    }
}

/// The code of the error that `body` throws, if any.
func code(_ body: () throws -> Void) -> EmbeddingError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? EmbeddingError)?.code
    }
}
