/// Places in a batch, counted from 1, that PostgreSQL remembers for the rest of a transaction: what one statement finds,
/// the next goes on with in the same round trip. Nobody there waits for this process, which may be stopped at any moment,
/// while the transaction has what users want.
package enum KeptPlaces: String, Sendable {
    /// Where all is as it was expected, so far.
    case kept
    /// Whose rows have been written, whatever came of it.
    case written
    /// Whose jobs are to be done again.
    case again

    private var setting: SQLText { "'millrace.\(rawValue)'" }

    /// They are none from here on.
    package var clear: SQLText { "set_config(\(setting), '', true)" }

    /// The condition that `place` is among them.
    package func contains(_ place: SQLText) -> SQLText {
        "\(place) = ANY (string_to_array(current_setting(\(setting)), ',')::bigint[])"
    }

    /// An aggregate: they are the column `place` of the rows for which `condition` is true. Its value is what
    /// ``places(_:)`` reads.
    package func become(_ place: SQLText, where condition: SQLText = "true") -> SQLText {
        """
        set_config(\(setting), COALESCE(string_agg(\(place)::text, ',') FILTER (WHERE \(condition)), ''), true)
        """
    }

    /// Places as the setting holds them.
    package static func places(_ text: String) -> Set<Int> {
        Set(text.split(separator: ",").compactMap { Int($0) })
    }
}
