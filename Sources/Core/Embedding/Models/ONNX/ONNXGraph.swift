/// An ONNX graph being written, node by node. Values are named by strings, as in the format.
///
/// Field numbers are those of `onnx/onnx.proto` (https://github.com/onnx/onnx, ModelProto and the messages in it).
struct ONNXGraph {
    private var nodes: [[UInt8]] = []
    private var initializers: [[UInt8]] = []
    private var inputs: [[UInt8]] = []
    private var outputs: [[UInt8]] = []

    enum ElementType: Int { case float = 1, int64 = 7 }

    enum Attribute {
        case int(Int)
        case float(Float)
        case ints([Int])
    }

    /// An extent of a shape: known, or named and free.
    enum Extent {
        case fixed(Int)
        case free(String)
    }

    /// Adds a node with one output and answers that output's name.
    mutating func node(
        _ operation: String, _ inputs: [String], as output: String, _ attributes: KeyValuePairs<String, Attribute> = [:]
    ) -> String {
        var node = ProtobufEncoder()
        for input in inputs { node.string(1, input) }
        node.string(2, output)
        node.string(3, output)
        node.string(4, operation)
        for (name, value) in attributes {
            node.message(5) { attribute in
                attribute.string(1, name)
                switch value {
                case .float(let value):
                    attribute.float(2, value)
                    attribute.integer(20, 1)
                case .int(let value):
                    attribute.integer(3, value)
                    attribute.integer(20, 2)
                case .ints(let values):
                    for value in values { attribute.integer(8, value) }
                    attribute.integer(20, 7)
                }
            }
        }
        nodes.append(node.bytes)
        return output
    }

    /// A constant whose bytes stay in another file beside this one (TensorProto.external_data), so that nothing is copied.
    mutating func external(_ name: String, _ tensor: SafetensorsHeader.Tensor, in file: String) -> String {
        var proto = ProtobufEncoder()
        for extent in tensor.shape { proto.integer(1, extent) }
        proto.integer(2, ElementType.float.rawValue)
        proto.string(8, name)
        for (key, value) in [("location", file), ("offset", String(tensor.offset)), ("length", String(tensor.bytes))] {
            proto.message(13) { entry in
                entry.string(1, key)
                entry.string(2, value)
            }
        }
        proto.integer(14, 1)
        initializers.append(proto.bytes)
        return name
    }

    /// A constant of integers: a scalar where `shape` is empty.
    mutating func constant(_ name: String, _ values: [Int64], shape: [Int]) -> String {
        constant(name, .int64, shape, values.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) })
    }

    /// A scalar constant.
    mutating func constant(_ name: String, _ value: Float) -> String {
        constant(name, .float, [], withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init))
    }

    private mutating func constant(_ name: String, _ type: ElementType, _ shape: [Int], _ raw: [UInt8]) -> String {
        var proto = ProtobufEncoder()
        for extent in shape { proto.integer(1, extent) }
        proto.integer(2, type.rawValue)
        proto.string(8, name)
        proto.bytes(9, raw)
        initializers.append(proto.bytes)
        return name
    }

    /// Declares an input.
    mutating func input(_ name: String, _ type: ElementType, _ shape: [Extent]) -> String {
        inputs.append(Self.valueInfo(name, type, shape))
        return name
    }

    /// Declares a node's output as the graph's.
    mutating func output(_ name: String, _ type: ElementType, _ shape: [Extent]) {
        outputs.append(Self.valueInfo(name, type, shape))
    }

    private static func valueInfo(_ name: String, _ type: ElementType, _ shape: [Extent]) -> [UInt8] {
        var info = ProtobufEncoder()
        info.string(1, name)
        info.message(2) { value in
            value.message(1) { tensor in
                tensor.integer(1, type.rawValue)
                tensor.message(2) { proto in
                    for extent in shape {
                        proto.message(1) { dimension in
                            switch extent {
                            case .fixed(let size): dimension.integer(1, size)
                            case .free(let name): dimension.string(2, name)
                            }
                        }
                    }
                }
            }
        }
        return info.bytes
    }

    /// The whole file: IR version 8 and operator set 17, the first with LayerNormalization.
    func model(named name: String) -> [UInt8] {
        var model = ProtobufEncoder()
        model.integer(1, 8)
        model.string(2, "millrace")
        model.message(7) { graph in
            for node in nodes { graph.bytes(1, node) }
            graph.string(2, name)
            for initializer in initializers { graph.bytes(5, initializer) }
            for input in inputs { graph.bytes(11, input) }
            for output in outputs { graph.bytes(12, output) }
        }
        model.message(8) { operators in
            operators.string(1, "")
            operators.integer(2, 17)
        }
        return model.bytes
    }
}
