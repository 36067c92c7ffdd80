package import Core

/// The SQL that a source puts into the user's database: triggers, indexes and views, readable, nothing but the
/// database's own SQL, so that any program's writes fire them.
package protocol SourceDDL: Sendable {
    var definition: SourceDefinition { get }
    var names: ObjectNames { get }

    /// The row's key as stored text; `row` is `NEW.`, `OLD.`, another name with its point, or empty.
    func keyExpression(_ row: String) -> String

    /// What this source makes under its names, in the order in which it is told.
    var objects: [SourceObject] { get }
    var indexes: [SourceIndex] { get }

    /// Adds the status column, all present rows `pending`.
    var addStatusColumn: String { get }
    var dropStatusColumn: String { get }
    /// The triggers, in the order in which they are explained.
    var createTriggers: String { get }
    var dropTriggers: String { get }
    var createViews: String { get }
    var dropViews: String { get }
    /// Takes away what this source makes, and nothing else that bears a like name.
    var dropObjects: String { get }
    /// Takes away what somebody else made under these names.
    var dropTaken: String { get }
}

extension SourceDDL {
    package var dropTaken: String { dropObjects }
}

/// Something that a source makes, with the kind that the catalogue gives it.
package struct SourceObject: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        case function
        case trigger
        case view
        case index
    }

    package let kind: Kind
    package let name: Identifier

    init(_ kind: Kind, _ name: Identifier) {
        self.kind = kind
        self.name = name
    }

    /// `trigger trg_auto_embedding`, for people.
    package var description: String {
        "\(kind) \(name.name)"
    }
}

/// An index on one column of the user's table.
package struct SourceIndex: Hashable, Sendable {
    package let name: Identifier
    package let column: Identifier
}

extension Source {
    package var ddl: any SourceDDL {
        definition.ddl(for: id)
    }
}

extension SourceDefinition {
    package func ddl(for source: SourceID) -> any SourceDDL {
        switch dialect {
        case .sqlite: SQLiteSourceDDL(source: source, definition: self)
        case .postgres: PostgresSourceDDL(source: source, definition: self)
        }
    }
}

extension [Identifier] {
    var list: String {
        map(\.quoted).joined(separator: ", ")
    }
}

extension String {
    /// The text with its continuation lines four spaces deeper, for a place in a block.
    var indented: String {
        split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n    ")
    }
}
