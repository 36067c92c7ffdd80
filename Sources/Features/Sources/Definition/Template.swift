package import Core

/// How a row's columns become the text that is embedded.
///
/// One column without a template is taken as it is. Several without one are joined by line breaks, empty ones left
/// out. A template is text with column names in braces, `{title}: {body}`; `{{` and `}}` stand for the braces
/// themselves.
package struct Template: Hashable, Sendable {
    private enum Part: Hashable, Sendable {
        case literal(String)
        case column(Int)
    }

    /// nil: join what is not empty.
    private let parts: [Part]?

    /// - Parameter columns: the source's text columns; a template may name these and must name at least one.
    package init(_ template: String?, columns: [String]) throws(SourceError) {
        guard let template else {
            parts = nil
            return
        }
        var parts: [Part] = []
        var literal = ""
        var rest = template[...]
        while let character = rest.popFirst() {
            switch character {
            case "{" where rest.first == "{", "}" where rest.first == "}":
                rest.removeFirst()
                literal.append(character)
            case "{":
                guard let end = rest.firstIndex(of: "}") else {
                    throw SourceError(
                        .badTemplate,
                        "template \"\(template)\" opens a brace that it does not close: write {column}, or {{ for a brace"
                    )
                }
                let name = String(rest[..<end])
                guard let column = columns.firstIndex(of: name) else {
                    throw SourceError(
                        .badTemplate,
                        "template names {\(name)}, which is not among the text columns \(columns.joined(separator: ", ")): add it to --text"
                    )
                }
                parts += [.literal(literal), .column(column)]
                literal = ""
                rest = rest[rest.index(after: end)...]
            case "}":
                throw SourceError(
                    .badTemplate, "template \"\(template)\" closes a brace that it did not open: write }} for a brace")
            default:
                literal.append(character)
            }
        }
        parts.append(.literal(literal))
        guard parts.contains(where: { if case .column = $0 { true } else { false } }) else {
            throw SourceError(
                .badTemplate,
                "template \"\(template)\" names no column: write {\(columns.first ?? "column")} where its text belongs")
        }
        self.parts = parts
    }

    /// The text to embed, nil where the row has none, i.e. where every column is NULL or blank.
    ///
    /// - Parameter values: of the text columns, in their order. Numbers are written in decimal.
    package func render(_ values: [Value]) throws(SourceError) -> String? {
        var texts: [String] = []
        texts.reserveCapacity(values.count)
        for value in values {
            switch value {
            case .null: texts.append("")
            case .text(let text): texts.append(text)
            case .integer(let integer): texts.append(String(integer))
            case .real(let real): texts.append(String(real))
            case .blob(let bytes):
                throw SourceError(.unknownColumn, "a text column holds a blob of \(bytes.count) bytes: store text")
            }
        }
        guard texts.contains(where: { !$0.isBlank }) else { return nil }
        guard let parts else {
            return texts.count == 1 ? texts[0] : texts.filter { !$0.isBlank }.joined(separator: "\n")
        }
        return parts.reduce(into: "") { text, part in
            switch part {
            case .literal(let literal): text += literal
            case .column(let column): text += texts[column]
            }
        }
    }
}

extension String {
    fileprivate var isBlank: Bool {
        unicodeScalars.allSatisfy(\.properties.isWhitespace)
    }
}
