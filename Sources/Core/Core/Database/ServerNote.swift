/// What a transaction on PostgreSQL notes on the server, in settings that end with it, so that its statements can go there
/// all at once: large values, which have arrived before the first row is locked, and what one statement finds out for the
/// next. See ``Connection/runTogether(_:)``.
package struct ServerNote: Sendable {
    private let setting: String

    package init(_ name: String) {
        setting = "'millrace.note_\(name)'"
    }

    /// Places in a batch, counted from 1, where all is as it was expected.
    package static let kept = ServerNote("kept")
    /// Places whose rows were written.
    package static let written = ServerNote("written")
    /// Places whose rows were written and turned out to be other than what was written.
    package static let spoiled = ServerNote("spoiled")
    /// Places whose jobs are to be done again.
    package static let again = ServerNote("again")

    /// The note itself, a text; NULL where this transaction has none.
    package var text: SQLText { "NULLIF(current_setting(\(setting), true), '')" }

    /// Notes a text. Its value is the text.
    package func write(_ text: SQLText) -> SQLText {
        "set_config(\(setting), \(text), true)"
    }

    // MARK: Places

    /// Notes that there are none. Its value is what ``places(_:)`` reads, like that of the others.
    package var clear: SQLText { write("'{}'") }

    /// An aggregate: notes the column `place` of the rows for which `condition` is true.
    package func write(_ place: SQLText, where condition: SQLText) -> SQLText {
        write("COALESCE(array_agg(\(place)) FILTER (WHERE \(condition)), '{}')::text")
    }

    /// Notes one more.
    package func append(_ place: SQLText) -> SQLText {
        write("array_append(\(places), \(place))::text")
    }

    /// The places, an array.
    package var places: SQLText { "\(text)::bigint[]" }

    /// Places as the note's text has them.
    package static func places(_ text: String) -> Set<Int> {
        Set(text.split { !$0.isNumber }.compactMap { Int($0) })
    }
}
