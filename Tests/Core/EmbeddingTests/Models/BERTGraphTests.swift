import Testing

@testable import Embedding

struct BERTGraphTests {
    private func graph(
        _ shapes: [(String, [Int])] = TinyBERT.shapes, change: (inout [String: Any]) -> Void = { _ in }
    ) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let weights = try TinyBERT.weights(shapes)
        try folder.write(weights, to: "model.safetensors")
        return try BERTGraph.onnx(for: try TinyBERT.manifest(weights: weights, change: change), in: folder.path)
    }

    /// The wire format's own examples (https://protobuf.dev/programming-guides/encoding).
    @Test func `fields are encoded as protobuf documents them`() {
        var message = ProtobufEncoder()
        message.integer(1, 150)
        #expect(message.bytes == [0x08, 0x96, 0x01])
        message = ProtobufEncoder()
        message.string(2, "testing")
        #expect(message.bytes == [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67])
        message = ProtobufEncoder()
        message.message(3) { $0.integer(1, 150) }
        #expect(message.bytes == [0x1a, 0x03, 0x08, 0x96, 0x01])
        message = ProtobufEncoder()
        message.integer(1, -2)
        #expect(message.bytes == [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])
        message = ProtobufEncoder()
        message.float(20, 1)
        #expect(message.bytes == [0xa5, 0x01, 0, 0, 0x80, 0x3f])
    }

    @Test func `the same weights give the same graph, far smaller than they are`() throws {
        let first = try graph()
        #expect(try graph() == first)
        let text = String(decoding: first, as: UTF8.self)
        for name in ["LayerNormalization", "Softmax", "Erf", "input_ids", "last_hidden_state", "model.safetensors"] {
            #expect(text.contains(name))
        }
    }

    @Test func `an absent tensor is named`() throws {
        let shapes = TinyBERT.shapes.filter { $0.0 != "encoder.layer.0.attention.self.key.bias" }
        let error = #expect(throws: EmbeddingError.self) { try graph(shapes) }
        #expect(error?.code == .modelCorrupt)
        #expect(error?.message.contains("encoder.layer.0.attention.self.key.bias") == true)
    }

    @Test func `a tensor of another shape is refused`() throws {
        let shapes = TinyBERT.shapes.map { $0.0.hasSuffix("query.weight") ? ($0.0, [8, 2]) : $0 }
        #expect(code { _ = try graph(shapes) } == .modelCorrupt)
    }

    @Test func `heads that do not divide the width are refused`() throws {
        let failure = code {
            _ = try graph {
                var graph = $0["graph"] as! [String: Any]
                graph["heads"] = 3
                $0["graph"] = graph
            }
        }
        #expect(failure == .badInput)
    }
}
