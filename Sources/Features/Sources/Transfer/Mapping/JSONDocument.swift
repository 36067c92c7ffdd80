import FoundationEssentials

/// A JSON text by its meaning: `jsonb` keeps neither spaces nor the order of members.
struct JSONDocument: Hashable {
    fileprivate indirect enum Node: Hashable {
        case null
        case truth(Bool)
        case number(Double)
        case text(String)
        case list([Node])
        case members([String: Node])
    }

    private let node: Node

    /// nil where the text is no JSON.
    init?(_ text: String) {
        guard let node = try? JSONDecoder().decode(Node.self, from: Data(text.utf8)) else { return nil }
        self.node = node
    }
}

extension JSONDocument.Node: Decodable {
    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let truth = try? value.decode(Bool.self) {
            self = .truth(truth)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([Self].self) {
            self = .list(list)
        } else {
            self = .members(try value.decode([String: Self].self))
        }
    }
}
