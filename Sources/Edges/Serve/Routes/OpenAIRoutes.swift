import FoundationEssentials
import HTTPTypes
import Hummingbird

/// `POST /v1/embeddings` and `GET /v1/models`, in the shapes of OpenAI's API, so that its client libraries work
/// with another `base_url` and nothing else changed.
struct OpenAIRoutes {
    /// The most texts in one request: OpenAI's own limit.
    static let maximumInputs = 2048

    let backend: any Backend

    func add(to table: inout RouteTable) {
        table.post("/v1/embeddings") { request, context in
            let body = try await context.body(of: request)
            let question = try JSONBody.decode(EmbeddingsQuestion.self, from: body)
            let texts = try question.texts()
            let embeddings = try await backend.embed(texts, model: question.model)
            if let dimensions = question.dimensions, dimensions != embeddings.dimension {
                throw Refusal(
                    .badRequest, "The model \(question.model) has \(embeddings.dimension) dimensions.",
                    hint: "Leave dimensions out: vectors are not shortened.", field: "dimensions")
            }
            return try Answer.json(EmbeddingsAnswer(embeddings, model: question.model, isBase64: question.isBase64))
        }
        table.get("/v1/models") { _, _ in
            try Answer.json(ModelsAnswer(data: try await backend.models().map(ModelAnswer.init)))
        }
        table.get("/v1/models/{model}") { request, context in
            let name = QueryParameters.decode(Substring(context.parameters.get("model") ?? "")) ?? ""
            guard let model = try await backend.models().first(where: { $0.name == name }) else {
                throw Refusal(
                    .unknownModel, "The model \(name) is not served here.", hint: "GET /v1/models lists them.",
                    field: "model")
            }
            return try Answer.json(ModelAnswer(model))
        }
    }
}

/// The body of `POST /v1/embeddings`. `user` is accepted and not looked at.
struct EmbeddingsQuestion: Decodable {
    enum Input {
        case one(String)
        case many([String])
        /// Numbers of another tokenizer's vocabulary.
        case tokens
    }

    let input: Input
    let model: String
    let encodingFormat: String?
    let dimensions: Int?

    var isBase64: Bool {
        encodingFormat == "base64"
    }

    /// The texts, checked as OpenAI's API does: at least one, none empty.
    func texts() throws(Refusal) -> [String] {
        guard encodingFormat == nil || encodingFormat == "float" || isBase64 else {
            throw Refusal(
                .badRequest, "encoding_format must be float or base64.", hint: "", field: "encoding_format")
        }
        let texts: [String]
        switch input {
        case .one(let text): texts = [text]
        case .many(let list): texts = list
        case .tokens:
            throw Refusal(
                .badRequest, "input must be a string or an array of strings: token numbers are not accepted.",
                hint: "Send the text itself; clients that tokenize first have a switch for it.", field: "input")
        }
        guard !texts.isEmpty, !texts.contains("") else {
            throw Refusal(
                .badRequest, "input must not be empty, nor hold an empty string.", hint: "Leave such texts out.",
                field: "input")
        }
        guard texts.count <= OpenAIRoutes.maximumInputs else {
            throw Refusal(
                .badRequest, "input has \(texts.count) texts; at most \(OpenAIRoutes.maximumInputs) are allowed.",
                hint: "Send them in several requests.", field: "input")
        }
        return texts
    }
}

extension EmbeddingsQuestion.Input: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .one(text)
        } else if let texts = try? container.decode([String].self) {
            self = .many(texts)
        } else if (try? container.decode([Int].self)) != nil || (try? container.decode([[Int]].self)) != nil {
            self = .tokens
        } else {
            throw DecodingError.typeMismatch(
                String.self, .init(codingPath: container.codingPath, debugDescription: "neither text nor texts"))
        }
    }
}

/// The answer of `POST /v1/embeddings`.
struct EmbeddingsAnswer: Encodable {
    struct Item: Encodable {
        let object = "embedding"
        let index: Int
        let embedding: Vector
    }

    enum Vector: Encodable {
        case floats(ArraySlice<Float>)
        /// Little-endian Float32, in base64: what OpenAI's Python client asks for by itself.
        case base64(String)

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .floats(let values): try container.encode(Array(values))
            case .base64(let text): try container.encode(text)
            }
        }
    }

    struct Usage: Encodable {
        let promptTokens: Int
        let totalTokens: Int
    }

    let object = "list"
    let data: [Item]
    let model: String
    let usage: Usage

    init(_ embeddings: Embeddings, model: String, isBase64: Bool) {
        data = embeddings.tokenCounts.indices.map { row in
            let vector = embeddings.vector(row)
            return Item(index: row, embedding: isBase64 ? .base64(Self.base64(vector)) : .floats(vector))
        }
        self.model = model
        let tokens = embeddings.tokenCounts.reduce(0, +)
        usage = Usage(promptTokens: tokens, totalTokens: tokens)
    }

    static func base64(_ vector: ArraySlice<Float>) -> String {
        var bytes = Data(capacity: vector.count * 4)
        for value in vector {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes.base64EncodedString()
    }
}

struct ModelsAnswer: Encodable {
    let object = "list"
    let data: [ModelAnswer]
}

struct ModelAnswer: Encodable {
    let id: String
    let object = "model"
    let created: Int64
    let ownedBy = "millrace"

    init(_ model: Model) {
        id = model.name
        created = model.createdSeconds
    }
}
