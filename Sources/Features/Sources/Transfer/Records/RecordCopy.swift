import Core

/// Moves and compares what Millrace has recorded of one source: embeddings, jobs, failures.
struct RecordCopy: Sendable {
    private static let page = 1000

    let kind: RecordKind
    let pair: SourcePair
    private let keys: KeyRespelling
    private let inputs: InputRespelling?
    /// The space that a failure's hash is of, where the model is known here.
    private let space: String?
    private let origin: any Database
    private let target: any Database

    init(
        _ kind: RecordKind, _ pair: SourcePair, _ table: TargetTable, space: String?, from origin: any Database,
        to target: any Database
    ) {
        self.kind = kind
        self.pair = pair
        self.space = space
        self.origin = origin
        self.target = target
        keys = KeyRespelling(pair.origin, pair.target, table)
        inputs = kind.place(of: .hash) == nil ? nil : InputRespelling(pair, table, from: origin, to: target)
    }

    struct Counts: Sendable {
        var rows = 0
        /// Of keys that no row of the target's can have.
        var lost = 0
    }

    func count() async throws -> Int {
        let (count, source) = (kind.count, pair.origin.id)
        return try await origin.read { connection in
            Int(try connection.row(count, ["source": Value(source)])?.integer(0) ?? 0)
        }
    }

    func copy(_ progress: (Int) -> Void) async throws -> Counts {
        var counts = Counts()
        try await forEachPage { rows in
            let (target, kind) = (target, kind)
            let wanted = rows.compactMap(\.wanted)
            try await target.write { connection in
                try connection.runMany(kind.insert, wanted.map(kind.parameters))
            }
            counts.rows += wanted.count
            counts.lost += rows.count - wanted.count
            progress(counts.rows + counts.lost)
        }
        return counts
    }

    /// Compares each row of the origin's with the target's, and the numbers of rows.
    func compare(_ differences: inout TransferDifferences, _ progress: (Int) -> Void) async throws -> Counts {
        var counts = Counts()
        var found = differences
        try await forEachPage { rows in
            let present = try await present(rows.compactMap(\.wanted))
            for row in rows {
                guard let wanted = row.wanted else {
                    counts.lost += 1
                    continue
                }
                counts.rows += 1
                compare(wanted, present[Key(literal: wanted.text(kind.keyPlace))], &found)
            }
            progress(counts.rows + counts.lost)
        }
        let (count, source) = (kind.count, pair.target.id)
        let there = try await target.read { connection in
            Int(try connection.row(count, ["source": Value(source)])?.integer(0) ?? 0)
        }
        if there > counts.rows { found.addExtra(there - counts.rows, in: subject) }
        differences = found
        return counts
    }

    private var subject: String {
        "\(kind.table.name(in: .postgres)) of \(pair.target.collection)"
    }

    private func compare(_ wanted: Row, _ present: Row?, _ differences: inout TransferDifferences) {
        let key = Key(literal: wanted.text(kind.keyPlace))
        guard let present else { return differences.addMissing(key, in: subject) }
        for (place, column) in kind.columns.enumerated() {
            differences.values += 1
            if !wanted[place].isIdentical(to: present[place]) {
                differences.addChanged(key, column.rawValue, in: subject)
            }
        }
    }

    private func present(_ wanted: [Row]) async throws -> [Key: Row] {
        let (kind, source) = (kind, pair.target.id)
        let keys = TextArray(wanted.map { $0.text(kind.keyPlace) }).value
        let rows = try await target.read { connection in
            try connection.rows(kind.find, ["source": Value(source), "keys": keys])
        }
        return Dictionary(
            rows.map { (Key(literal: $0.text(kind.keyPlace)), $0) }, uniquingKeysWith: { first, _ in first })
    }

    // MARK: Pages

    private struct Record: Sendable {
        /// The row as the target is to have it, nil where it can have no row of that key.
        let wanted: Row?
    }

    private func forEachPage(_ body: ([Record]) async throws -> Void) async throws {
        var after = ""
        while true {
            let parameters: Parameters = [
                "source": Value(pair.origin.id), "after": .text(after), "limit": Value(Self.page),
            ]
            let page = try await origin.read { [kind] connection in try connection.rows(kind.page, parameters) }
            if !page.isEmpty { try await body(try await moved(page)) }
            guard page.count == Self.page, let last = page.last else { return }
            after = last.text(kind.keyPlace)
        }
    }

    private func moved(_ page: [Row]) async throws -> [Record] {
        let stored = page.map { Key(literal: $0.text(kind.keyPlace)) }
        let spelled = try await target.read { [keys] connection in try keys.respell(stored, on: connection) }
        var records = zip(page, spelled).map { row, key in
            key.map { kind.moved(row, key: $0, to: pair.target.id) }
        }
        if let inputs, let place = kind.place(of: .hash) {
            try await respell(&records, stored, inputs, at: place)
        }
        return records.map(Record.init)
    }

    private func respell(
        _ records: inout [Row?], _ stored: [Key], _ inputs: InputRespelling, at place: Int
    ) async throws {
        var recorded: [(index: Int, record: InputRespelling.Recorded)] = []
        for (index, row) in records.enumerated() {
            guard let row, !row[place].isNull,
                let space = kind.place(of: .space).map({ row.text($0) }) ?? space
            else { continue }
            recorded.append(
                (
                    index,
                    .init(
                        key: stored[index], targetKey: Key(literal: row.text(kind.keyPlace)), hash: row[place],
                        space: space)
                ))
        }
        let hashes = try await inputs.respell(recorded.map(\.record))
        for ((index, _), hash) in zip(recorded, hashes) {
            guard var values = records[index]?.values else { continue }
            values[place] = hash
            records[index] = Row(values)
        }
    }
}
