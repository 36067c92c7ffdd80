import Core

/// What two databases do not hold alike: how much, and the first few in words.
struct TransferDifferences: Sendable {
    private(set) var count = 0
    private var examples: [String] = []
    /// Values that were compared.
    var values = 0

    private static let shown = 3

    private mutating func add(_ words: @autoclosure () -> String, times number: Int = 1) {
        count += number
        if examples.count < Self.shown { examples.append(words()) }
    }

    mutating func addMissing(_ key: Key, in table: String) {
        add("row \(key) of \(table) is missing")
    }

    mutating func addChanged(_ key: Key, _ column: String, in table: String) {
        add("column \"\(column)\" of row \(key) of \(table) differs")
    }

    /// Rows that the origin has not.
    mutating func addExtra(_ number: Int, in table: String) {
        add(
            "\(number) row\(number == 1 ? "" : "s") of \(table) \(number == 1 ? "is" : "are") in the target alone",
            times: number)
    }

    mutating func addExtra(_ key: String, in table: String) {
        add("row \(key) of \(table) is in the target alone")
    }

    mutating func addOther(_ words: String) {
        add(words)
    }

    /// - Throws: ``TransferError/Code/differs`` where there is any difference.
    func requireNone() throws(TransferError) {
        guard count > 0 else { return }
        let rest = count > examples.count ? ", …" : ""
        throw TransferError(
            .differs,
            "the target does not hold what the origin holds, \(count) difference\(count == 1 ? "" : "s") (\(examples.joined(separator: "; "))\(rest)): stop every program that writes to either, then copy again"
        )
    }
}
