/// Writes the ONNX graph of a BERT encoder whose weights lie in a safetensors file under the names that Hugging Face
/// `transformers` gives them (`models/bert/modeling_bert.py`). The weights stay where they are: the graph is some 20 KB
/// that point into them.
///
/// Inputs `input_ids` and `attention_mask`, int64 of `batch × tokens`; output `last_hidden_state`, float32 of
/// `batch × tokens × width`. All tokens are of type 0, which is folded in. No pooler: sentence models do not use it.
package struct BERTGraph {
    private let weights: SafetensorsHeader
    private let weightsFile: String
    private let layers: Int
    private let heads: Int
    private let normEpsilon: Float
    private let width: Int
    private var graph = ONNXGraph()

    /// The graph of `manifest`, whose weights lie in `folder`, as the bytes of an ONNX file; the same bytes every time.
    /// - Throws: `modelCorrupt` where a tensor is absent or of another shape, `badInput` where the manifest does not fit.
    package static func onnx(for manifest: ModelManifest, in folder: String) throws(EmbeddingError) -> [UInt8] {
        let description = manifest.graph
        guard description.kind == .bert, let file = description.weights, let layers = description.layers,
            let heads = description.heads, let epsilon = description.normEpsilon, layers > 0, heads > 0,
            manifest.dimension % heads == 0
        else {
            throw EmbeddingError(
                .badInput,
                "The manifest of \(manifest.name) does not describe a BERT graph; compare it with a built-in one.")
        }
        var writer = BERTGraph(
            weights: try SafetensorsHeader(path: folder + "/" + file), weightsFile: file, layers: layers, heads: heads,
            normEpsilon: epsilon, width: manifest.dimension)
        return try writer.write(name: manifest.name)
    }

    private mutating func write(name: String) throws(EmbeddingError) -> [UInt8] {
        let ids = graph.input("input_ids", .int64, [.free("batch"), .free("tokens")])
        let mask = graph.input("attention_mask", .int64, [.free("batch"), .free("tokens")])
        let bias = maskBias(mask)
        var hidden = try embeddings(ids)
        for layer in 0..<layers { hidden = try encoder(hidden, bias: bias, "encoder.layer.\(layer)") }
        let output = graph.node("Identity", [hidden], as: "last_hidden_state")
        graph.output(output, .float, [.free("batch"), .free("tokens"), .fixed(width)])
        return graph.model(named: name)
    }

    /// 0 for a token and −10,000 for padding, `batch × 1 × 1 × tokens`: after the softmax's exponential nothing is left
    /// of it, and bf16 can hold it.
    private mutating func maskBias(_ mask: String) -> String {
        let float = graph.node("Cast", [mask], as: "mask.float", ["to": .int(ONNXGraph.ElementType.float.rawValue)])
        let inverted = graph.node("Sub", [graph.constant("one", 1), float], as: "mask.inverted")
        let scaled = graph.node("Mul", [inverted, graph.constant("mask.penalty", -10_000)], as: "mask.scaled")
        return graph.node("Unsqueeze", [scaled, graph.constant("mask.axes", [1, 2], shape: [2])], as: "mask.bias")
    }

    /// Word + position + type 0, normalised.
    private mutating func embeddings(_ ids: String) throws(EmbeddingError) -> String {
        let words = try weight("embeddings.word_embeddings.weight", [nil, width])
        let positions = try weight("embeddings.position_embeddings.weight", [nil, width])
        let types = try weight("embeddings.token_type_embeddings.weight", [nil, width])
        let word = graph.node("Gather", [words, ids], as: "embeddings.word")
        let shape = graph.node("Shape", [ids], as: "embeddings.shape")
        let one = graph.constant("index.one", [1], shape: [1])
        let tokens = graph.node("Gather", [shape, one], as: "embeddings.tokens")
        let zero = graph.constant("index.zero", [0], shape: [1])
        let position = graph.node("Slice", [positions, zero, tokens, zero], as: "embeddings.position")
        let type = graph.node("Gather", [types, graph.constant("type", [0], shape: [])], as: "embeddings.type")
        let place = graph.node("Add", [position, type], as: "embeddings.place")
        let sum = graph.node("Add", [word, place], as: "embeddings.sum")
        return try norm(sum, "embeddings.LayerNorm")
    }

    /// One layer: attention, then the feed-forward part, each added to its input and normalised.
    private mutating func encoder(_ input: String, bias: String, _ name: String) throws(EmbeddingError) -> String {
        let attended = try attention(input, bias: bias, name + ".attention")
        let wide = try linear(attended, name + ".intermediate.dense", to: nil)
        let narrow = try linear(gelu(wide, name), name + ".output.dense", to: width)
        return try norm(graph.node("Add", [narrow, attended], as: name + ".sum"), name + ".output.LayerNorm")
    }

    private mutating func attention(_ input: String, bias: String, _ name: String) throws(EmbeddingError) -> String {
        let query = try heads(linear(input, name + ".self.query", to: width), name + ".query", [0, 2, 1, 3])
        let key = try heads(linear(input, name + ".self.key", to: width), name + ".key", [0, 2, 3, 1])
        let value = try heads(linear(input, name + ".self.value", to: width), name + ".value", [0, 2, 1, 3])
        let scale = graph.constant(name + ".factor", 1 / Float(width / heads).squareRoot())
        let products = graph.node("MatMul", [query, key], as: name + ".products")
        let scores = graph.node("Mul", [products, scale], as: name + ".scores")
        let masked = graph.node("Add", [scores, bias], as: name + ".masked")
        let shares = graph.node("Softmax", [masked], as: name + ".shares", ["axis": .int(-1)])
        let mixed = graph.node("MatMul", [shares, value], as: name + ".mixed")
        let turned = graph.node("Transpose", [mixed], as: name + ".turned", ["perm": .ints([0, 2, 1, 3])])
        let shape = graph.constant(name + ".shape", [0, 0, Int64(width)], shape: [3])
        let joined = graph.node("Reshape", [turned, shape], as: name + ".joined")
        let projected = try linear(joined, name + ".output.dense", to: width)
        return try norm(graph.node("Add", [projected, input], as: name + ".sum"), name + ".output.LayerNorm")
    }

    /// Splits the last axis into heads and turns the axes (batch, token, head, feature) by `permutation`.
    private mutating func heads(_ input: String, _ name: String, _ permutation: [Int]) throws(EmbeddingError) -> String
    {
        let shape = graph.constant(name + ".shape", [0, 0, Int64(heads), Int64(width / heads)], shape: [4])
        let split = graph.node("Reshape", [input, shape], as: name + ".split")
        return graph.node("Transpose", [split], as: name + ".heads", ["perm": .ints(permutation)])
    }

    /// x·Wᵀ + b; the file holds W as `out × in`.
    private mutating func linear(_ input: String, _ name: String, to output: Int?) throws(EmbeddingError) -> String {
        let turned = graph.node(
            "Transpose", [try weight(name + ".weight", [output, nil])], as: name + ".turned", ["perm": .ints([1, 0])])
        let product = graph.node("MatMul", [input, turned], as: name + ".product")
        return graph.node("Add", [product, try weight(name + ".bias", [output])], as: name + ".out")
    }

    /// x · ½ · (1 + erf(x / √2)), written as the runtimes recognise it and fuse it.
    private mutating func gelu(_ input: String, _ name: String) -> String {
        let root = graph.constant(name + ".gelu.root", Float(2).squareRoot())
        let scaled = graph.node("Div", [input, root], as: name + ".gelu.scaled")
        let error = graph.node("Erf", [scaled], as: name + ".gelu.erf")
        let sum = graph.node("Add", [error, graph.constant(name + ".gelu.one", 1)], as: name + ".gelu.sum")
        let product = graph.node("Mul", [input, sum], as: name + ".gelu.product")
        return graph.node("Mul", [product, graph.constant(name + ".gelu.half", 0.5)], as: name + ".gelu")
    }

    private mutating func norm(_ input: String, _ name: String) throws(EmbeddingError) -> String {
        graph.node(
            "LayerNormalization", [input, try weight(name + ".weight", [width]), try weight(name + ".bias", [width])],
            as: name, ["axis": .int(-1), "epsilon": .float(normEpsilon)])
    }

    /// A tensor of the file as a constant; nil in `shape` fits any extent.
    private mutating func weight(_ name: String, _ shape: [Int?]) throws(EmbeddingError) -> String {
        guard let tensor = weights.tensors[name] else {
            throw EmbeddingError(
                .modelCorrupt, "The weights \(weightsFile) have no tensor \(name); fetch the model again.")
        }
        guard tensor.type == "F32", tensor.shape.count == shape.count,
            zip(tensor.shape, shape).allSatisfy({ $1 == nil || $0 == $1 })
        else {
            throw EmbeddingError(
                .modelCorrupt,
                "Tensor \(name) of \(weightsFile) is \(tensor.type) of shape \(tensor.shape), not what the manifest asks for."
            )
        }
        return graph.external(name, tensor, in: weightsFile)
    }
}
