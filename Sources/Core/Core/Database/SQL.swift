/// The databases that Millrace speaks.
package enum Dialect: String, Sendable, Hashable, CaseIterable {
    case sqlite
    case postgres
}

/// A statement, as text per database: one text where plain SQL serves, a pair where it must be one.
///
/// Parameters are named (`:key`). Values are always bound; identifiers of the user's come in by ``Identifier`` alone,
/// Millrace's own tables by ``Table``, whose name each database's text then gets.
package struct SQL: Sendable, Hashable {
    private let sqlite: String?
    private let postgres: String?

    /// A statement whose text is the same on every database, the names of Millrace's own tables aside.
    package static func both(_ text: SQLText) -> SQL {
        SQL(sqlite: text, postgres: text)
    }

    package init(sqlite: SQLText, postgres: SQLText) {
        self.sqlite = sqlite.sqlite
        self.postgres = postgres.postgres
    }

    /// A statement that only one database is ever asked, such as a look into its catalogue.
    package init(sqlite: SQLText) {
        self.sqlite = sqlite.sqlite
        postgres = nil
    }

    package init(postgres: SQLText) {
        sqlite = nil
        self.postgres = postgres.postgres
    }

    /// The text for `dialect`. It is a fault of the caller to ask for one that the statement does not have.
    package func text(for dialect: Dialect) -> String {
        let text =
            switch dialect {
            case .sqlite: sqlite
            case .postgres: postgres
            }
        guard let text else {
            preconditionFailure("this statement is not written for \(dialect): \(sqlite ?? postgres ?? "")")
        }
        return text
    }
}

/// A statement's text while it is being written, with the name of a ``Table`` in each database's own form.
package struct SQLText: ExpressibleByStringInterpolation, Sendable {
    fileprivate let sqlite: String
    fileprivate let postgres: String

    package init(stringLiteral text: String) {
        self.init(text)
    }

    /// Text that names no table of Millrace's own.
    package init(_ text: String) {
        sqlite = text
        postgres = text
    }

    /// Text in two forms.
    package init(sqlite: String, postgres: String) {
        self.sqlite = sqlite
        self.postgres = postgres
    }

    /// This moment by the database's own clock, in microseconds since 1970.
    package static let now = SQLText(
        sqlite: "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)",
        postgres: "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")

    package func text(for dialect: Dialect) -> String {
        dialect == .sqlite ? sqlite : postgres
    }

    package init(stringInterpolation text: StringInterpolation) {
        sqlite = text.sqlite
        postgres = text.postgres
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var sqlite: String
        fileprivate var postgres: String

        package init(literalCapacity: Int, interpolationCount: Int) {
            sqlite = ""
            sqlite.reserveCapacity(literalCapacity + interpolationCount * 16)
            postgres = sqlite
        }

        package mutating func appendLiteral(_ literal: String) {
            sqlite += literal
            postgres += literal
        }

        package mutating func appendInterpolation(_ table: Table) {
            sqlite += table.name(in: .sqlite)
            postgres += table.name(in: .postgres)
        }

        package mutating func appendInterpolation(_ identifier: Identifier) {
            appendLiteral(identifier.quoted)
        }

        package mutating func appendInterpolation(_ part: SQLText) {
            sqlite += part.sqlite
            postgres += part.postgres
        }

        package mutating func appendInterpolation(_ text: String) {
            appendLiteral(text)
        }

        package mutating func appendInterpolation(_ number: some BinaryInteger) {
            appendLiteral(String(number))
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
