/// The words of a CREATE statement, told from what is in quotes and comments: SQLite's catalogue has no other place
/// that says whether a table has CHECK constraints and collations.
struct DefinitionWords {
    private enum Word: Equatable {
        /// Bare, in capitals.
        case bare(String)
        /// A name in quotes.
        case quoted(String)
    }

    private var words: [Word] = []

    init(_ text: String) {
        var rest = text[...]
        while let character = rest.first {
            if rest.hasPrefix("--") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                rest = rest.firstRange(of: "*/").map { rest[$0.upperBound...] } ?? ""
            } else if "\"'`[".contains(character) {
                take(&rest, until: character == "[" ? "]" : character)
            } else if character.isLetter || character == "_" {
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
                words.append(.bare(word.uppercased()))
                rest = rest.dropFirst(word.count)
            } else {
                rest.removeFirst()
            }
        }
    }

    private mutating func take(_ rest: inout Substring, until end: Character) {
        let isText = rest.removeFirst() == "'"
        var content = ""
        while let character = rest.popFirst() {
            if character != end {
                content.append(character)
            } else if end != "]", rest.first == end {
                rest.removeFirst()
                content.append(end)
            } else {
                break
            }
        }
        if !isText { words.append(.quoted(content)) }
    }

    /// How many CHECK constraints there are.
    var checks: Int {
        words.count { $0 == .bare("CHECK") }
    }

    /// Collations other than that of bytes, each once, in capitals.
    var collations: [String] {
        var found: [String] = []
        for (word, next) in zip(words, words.dropFirst()) where word == .bare("COLLATE") {
            let name =
                switch next {
                case .bare(let name): name
                case .quoted(let name): name.uppercased()
                }
            if name != "BINARY", !found.contains(name) { found.append(name) }
        }
        return found
    }

    /// Whether the name of a table is among the words.
    func names(_ table: String) -> Bool {
        words.contains { word in
            switch word {
            case .bare(let name): name == table.uppercased()
            case .quoted(let name): name.lowercased() == table.lowercased()
            }
        }
    }
}
