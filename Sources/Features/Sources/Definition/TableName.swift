package import Core

/// The name of one of the user's tables: on PostgreSQL with its schema, so that no later `search_path` can turn it into
/// another table; on SQLite bare.
package struct TableName: Hashable, Sendable, CustomStringConvertible {
    /// nil on SQLite.
    package let schema: String?
    /// As the catalogue holds it, unquoted.
    package let name: String

    package init(schema: String? = nil, _ name: String) {
        self.schema = schema
        self.name = name
    }

    /// As it is written into SQL.
    package var quoted: String {
        quoted(Identifier(name))
    }

    /// Another object in the table's schema.
    package func quoted(_ object: Identifier) -> String {
        (schema.map { Identifier($0).quoted + "." } ?? "") + object.quoted
    }

    /// As people write it: `shop.parts`, `shop."Odd Name"`; on SQLite the bare name.
    package var description: String {
        guard let schema else { return name }
        return Self.plain(schema) + "." + Self.plain(name)
    }

    /// One part as people write it: in quotes where SQL needs them.
    static func plain(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        }
        let beginsWithDigit = name.utf8.first.map { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ?? true
        return isPlain && !beginsWithDigit ? name : Identifier(name).quoted
    }
}

extension TableName {
    /// What a name as people write it may stand for on PostgreSQL, the likeliest first: each part as it is written, then
    /// in lower case where it is not in quotes, since that is how SQL itself reads it.
    ///
    /// `parts`, `shop.parts`, `"Odd Name"`, `shop."a.b"`. The schema is nil where only the table is named: then the
    /// connection's `search_path` decides.
    ///
    /// - Returns: no name where the text is none: an open quote, an empty part, more than two parts.
    package static func candidates(_ written: String) -> [TableName] {
        guard let parts = parts(of: written), (1...2).contains(parts.count) else { return [] }
        let exact = parts.map(\.text)
        let folded = parts.map { $0.isQuoted ? $0.text : $0.text.lowercased() }
        return (exact == folded ? [exact] : [exact, folded]).map { names in
            TableName(schema: names.count == 2 ? names[0] : nil, names[names.count - 1])
        }
    }

    private static func parts(of written: String) -> [(text: String, isQuoted: Bool)]? {
        var parts: [(text: String, isQuoted: Bool)] = [("", false)]
        var isInside = false
        var rest = written[...]
        while let character = rest.popFirst() {
            let last = parts.count - 1
            switch character {
            case "\"" where isInside && rest.first == "\"":
                rest.removeFirst()
                parts[last].text.append("\"")
            case "\"" where isInside || (parts[last].text.isEmpty && !parts[last].isQuoted):
                isInside.toggle()
                parts[last].isQuoted = true
            case "." where !isInside: parts.append(("", false))
            default: parts[last].text.append(character)
            }
        }
        return isInside || parts.contains { $0.text.isEmpty } ? nil : parts
    }
}
