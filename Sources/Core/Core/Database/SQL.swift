/// The databases that Millrace speaks.
package enum Dialect: String, Sendable, Hashable {
    case sqlite
}

/// A statement, as text per database: one text where plain SQL serves, a pair where it must be one.
///
/// Parameters are named (`:key`). Values are always bound; identifiers of the user's come in by ``Identifier`` alone.
package struct SQL: Sendable, Hashable {
    private let sqlite: String

    /// A statement whose text is the same on every database, Millrace's own tables aside: those are written as
    /// ``Table`` constants in the interpolation.
    package static func both(_ text: String) -> SQL {
        SQL(sqlite: text)
    }

    package init(sqlite: String) {
        self.sqlite = sqlite
    }

    package func text(for dialect: Dialect) -> String {
        switch dialect {
        case .sqlite: sqlite
        }
    }
}

/// A name of the user's (table, column, trigger …), quoted wherever it is written into SQL.
package struct Identifier: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The bare name, as the database's catalogue holds it.
    package let name: String

    package init(_ name: String) {
        self.name = name
    }

    package init(stringLiteral value: String) {
        self.name = value
    }

    /// The name in double quotes, inner quotes doubled: the only way an identifier gets into a statement.
    package var quoted: String {
        var quoted = "\""
        for character in name.unicodeScalars {
            if character == "\"" { quoted += "\"" }
            quoted.unicodeScalars.append(character)
        }
        return quoted + "\""
    }

    /// The quoted name, so that interpolation into SQL cannot forget the quotes.
    package var description: String {
        quoted
    }
}
