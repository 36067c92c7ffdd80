import FoundationEssentials
import Hummingbird

/// How JSON bodies become values, with refusals that name the field.
enum JSONBody {
    /// - Throws: A ``Refusal`` that names the field at fault, by its path: `input.3`.
    static func decode<Value: Decodable>(_ type: Value.Type, from body: ByteBuffer) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(type, from: Data(body.readableBytesView))
        } catch let error as DecodingError {
            throw refusal(error)
        }
    }

    private static func refusal(_ error: DecodingError) -> Refusal {
        switch error {
        case .keyNotFound(let key, let context):
            let name = path(context.codingPath + [key])
            return Refusal(
                .badRequest, "The body has no \(name).", hint: "Add the field \(name).", field: name)
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            let name = path(context.codingPath)
            let subject = name.isEmpty ? "The body" : name
            return Refusal(
                .badRequest, "\(subject) must be \(words(type)).", hint: "See the API's description of this route.",
                field: name.isEmpty ? nil : name)
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            let name = path(context.codingPath)
            return Refusal(.badRequest, "\(name): \(context.debugDescription)", hint: "Correct it.", field: name)
        default:
            return Refusal(.badRequest, "The body is not valid JSON.", hint: "Check quotes, commas and brackets.")
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.map { $0.intValue.map(String.init) ?? snakeCase($0.stringValue) }.joined(separator: ".")
    }

    /// The reverse of the decoder's key strategy, so that the message says what the sender wrote.
    private static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { result, character in
            result += character.isUppercase ? "_" + character.lowercased() : String(character)
        }
    }

    private static func words(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Int.Type, is Int64.Type: "a whole number"
        case is Float.Type, is Double.Type: "a number"
        case is Bool.Type: "true or false"
        case is [Any].Type: "an array"
        default: "an object"
        }
    }
}
