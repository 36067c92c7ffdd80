import Core

/// Copies the rows of one table into the target, and compares them there.
struct RowCopy: Sendable {
    let origin: OriginRows
    let table: TargetTable
    let target: any Database

    // MARK: Copying

    /// - Parameters:
    ///   - total: rows of the origin's.
    ///   - passesKnown: rows whose key the target has already are passed by; comparing tells whether they are the same.
    /// - Returns: the number of rows that were there already.
    func copy(passesKnown: Bool, _ progress: (Int) -> Void) async throws -> Int {
        let insert = table.insert(passesKnown: passesKnown)
        var (done, known) = (0, 0)
        try await origin.forEachPage { page in
            let batch = try page.map { row in try parameters(for: row) }
            do {
                let counts = try await target.write { connection in try connection.runMany(insert, batch) }
                known += counts.count { $0 == 0 }
            } catch let error as DatabaseError where error.code == .constraint {
                throw try await culprit(of: insert, page, batch, error)
            }
            done += page.count
            progress(done)
        }
        return known
    }

    private func parameters(for row: Row) throws(TransferError) -> Parameters {
        let (parameters, misfit) = table.parameters(for: table.expected(row))
        guard let misfit else { return parameters }
        throw TransferError(
            .doesNotFit,
            "row \(Key(origin.key(of: row))) of \"\(origin.table.name)\" holds a value in column \"\(misfit.name)\" that does not fit PostgreSQL's \(misfit.type.replacing("\"", with: "").replacing("pg_catalog.", with: "")): correct it, or let millrace db copy make the table"
        )
    }

    /// Finds the row of a page that was refused, by writing them one by one into a transaction that is undone.
    private func culprit(
        of insert: SQL, _ page: [Row], _ batch: [Parameters], _ refusal: DatabaseError
    ) async throws -> TransferError {
        struct Found: Error {
            let index: Int
            let error: DatabaseError
        }
        do {
            try await target.write { connection in
                for (index, parameters) in batch.enumerated() {
                    do {
                        try connection.run(insert, parameters)
                    } catch let error as DatabaseError {
                        throw Found(index: index, error: error)
                    }
                }
                throw refusal
            }
        } catch let found as Found where found.error.code == .constraint {
            return TransferError(
                .doesNotFit,
                "row \(Key(origin.key(of: page[found.index]))) of \"\(origin.table.name)\" cannot be copied: \(found.error.message)"
            )
        }
        throw refusal
    }

    // MARK: Comparing

    /// Looks every row of the origin's up in the target by its key, and compares every column.
    func compare(_ differences: inout TransferDifferences, _ progress: (Int) -> Void) async throws {
        var found = differences
        var done = 0
        try await origin.forEachPage { page in
            let keys = page.map { origin.key(of: $0) }
            let present = try await find(keys)
            for (index, row) in page.enumerated() {
                compare(table.expected(row), present[index], Key(keys[index]), &found)
            }
            done += page.count
            progress(done)
        }
        differences = found
    }

    private func compare(_ row: Row, _ present: Row?, _ key: Key, _ differences: inout TransferDifferences) {
        guard let present else { return differences.addMissing(key, in: table.name.description) }
        for (index, column) in table.columns.enumerated() {
            differences.values += 1
            if !column.form.holds(present[index + 1], of: row[column.place]) {
                differences.addChanged(key, column.name, in: table.name.description)
            }
        }
    }

    /// As many answers as keys: the key's place, then all columns.
    private func find(_ keys: [[Value]]) async throws -> [Row?] {
        var parameters: Parameters = [:]
        for (index, column) in table.key.enumerated() {
            let elements = keys.map { column.form.written($0[index])?.element }
            parameters["k\(index)"] = TextArray(elements).value
        }
        let rows = try await target.read { [table, parameters] connection in
            try connection.rows(table.find, parameters)
        }
        var answers = [Row?](repeating: nil, count: keys.count)
        for row in rows { answers[Int(row.integer(0)) - 1] = row }
        return answers
    }

    /// Looks every row of the target's up in the origin by its key.
    ///
    /// Where the key's type spells values in a way of its own, SQLite's spelling is not known, and rows are only counted.
    func compareBack(_ differences: inout TransferDifferences, _ progress: (Int) -> Void) async throws {
        guard table.key.allSatisfy(\.form.isReversible) else {
            return try await compareCounts(&differences, progress)
        }
        var (key, done): ([Value]?, Int) = (nil, 0)
        while true {
            let page = try await keys(after: key)
            let originals = page.map { row in
                zip(table.key, row).map { column, value in column.form.original(value) ?? .null }
            }
            for (original, exists) in zip(originals, try await origin.exist(originals)) where !exists {
                differences.addExtra(Key(original).description, in: table.name.description)
            }
            done += page.count
            progress(done)
            guard page.count == Self.keyPage, let last = page.last else { return }
            key = last
        }
    }

    private static let keyPage = 2000

    /// As ``ColumnForm/read(_:)`` gives them, which is also what the target takes.
    private func keys(after key: [Value]?) async throws -> [[Value]] {
        var parameters: Parameters = ["limit": Value(Self.keyPage)]
        for (index, value) in (key ?? []).enumerated() { parameters["k\(index)"] = value }
        return try await target.read { [table, parameters] connection in
            try connection.rows(table.keys(isFirst: key == nil), parameters).map(\.values)
        }
    }

    private func compareCounts(_ differences: inout TransferDifferences, _ progress: (Int) -> Void) async throws {
        let count = try await count()
        let wanted = try await origin.count()
        if count > wanted { differences.addExtra(count - wanted, in: table.name.description) }
        progress(count)
    }

    func count() async throws -> Int {
        let name = table.name.quoted
        return try await target.read { connection in
            Int(try connection.row(.both("SELECT COUNT(*) FROM \(name)"))?.integer(0) ?? 0)
        }
    }
}
