import FoundationEssentials

/// The texts that people read, from one table of messages.
package enum Messages {
    /// Read once from the table that is embedded in the program.
    private static let table: [Language: [String: String]] = {
        do {
            let rows = try JSONDecoder().decode(
                [String: [String: String]].self, from: Data(PackageResources.messages_json))
            return Dictionary(
                uniqueKeysWithValues: Language.allCases.map { language in
                    (language, rows.compactMapValues { $0[language.rawValue] })
                })
        } catch {
            preconditionFailure("Texts/messages.json is not a table of texts: \(error)")
        }
    }()

    /// The text of a key, its `{name}` placeholders filled in; a placeholder without a value stays as it is.
    ///
    /// O(length of the text).
    package static func text(_ key: Message, _ language: Language, _ values: [String: String] = [:]) -> String {
        guard let template = table[language]?[key.rawValue] else {
            preconditionFailure("Texts/messages.json has no \(key.rawValue) in \(language.rawValue)")
        }
        return values.isEmpty ? template : fill(template, values)
    }

    /// Every text of a language by its key, placeholders as they are: what the page fetches.
    package static func texts(_ language: Language) -> [String: String] {
        table[language] ?? [:]
    }

    /// The names in braces, in the order in which they stand.
    package static func placeholders(_ template: String) -> [String] {
        pieces(template).compactMap { $0.isPlaceholder ? String($0.text) : nil }
    }

    private static func fill(_ template: String, _ values: [String: String]) -> String {
        pieces(template).reduce(into: "") { result, piece in
            if piece.isPlaceholder {
                // What is filled in is not looked at again: a value may hold braces.
                result += values[String(piece.text)] ?? "{\(piece.text)}"
            } else {
                result += piece.text
            }
        }
    }

    private static func pieces(_ template: String) -> [(text: Substring, isPlaceholder: Bool)] {
        var pieces: [(text: Substring, isPlaceholder: Bool)] = []
        var rest = template[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            pieces.append((rest[..<open], false))
            pieces.append((rest[rest.index(after: open)..<close], true))
            rest = rest[rest.index(after: close)...]
        }
        pieces.append((rest, false))
        return pieces
    }
}
