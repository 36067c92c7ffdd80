package import Core
package import Embedding

/// Moves an installation from a SQLite file to PostgreSQL: the attached tables with their rows, the sources, and everything
/// that Millrace has recorded of them. The origin is only read.
///
/// All or nothing: the target bears a ``TransferMark`` from before the first row until everything has been compared, and
/// no other command opens it meanwhile. What a copy that failed has written is taken away again, and a copy that was
/// interrupted is begun anew, not continued: the origin may have changed since, so that all of it had to be read again
/// anyway.
package struct Transfer: Sendable {
    package struct Options: Sendable {
        /// Tables of the target may have rows, and the target sources of its own.
        package var intoExisting = false
        /// How long workers and servers that were heard of lately are watched.
        package var patience = Duration.seconds(8)

        package init() {}
    }

    /// A database and its name for people.
    package struct Place: Sendable {
        package let database: any Database
        package let name: String

        package init(_ database: any Database, _ name: String) {
            self.database = database
            self.name = name
        }
    }

    let origin: Place
    let target: Place
    let options: Options
    /// The space of a model by its name, nil where the model is unknown here.
    let spaces: @Sendable (String) -> Space?

    package init(
        from origin: Place, to target: Place, options: Options = Options(),
        spaces: @escaping @Sendable (String) -> Space?
    ) {
        precondition(origin.database.dialect == .sqlite && target.database.dialect == .postgres)
        self.origin = origin
        self.target = target
        self.options = options
        self.spaces = spaces
    }

    package struct Outcome: Sendable, Codable {
        package var report: TransferReport
        /// What the target did not get.
        package var notes: [TransferNote]

        package init(report: TransferReport, notes: [TransferNote] = []) {
            self.report = report
            self.notes = notes
        }
    }

    /// - Throws: ``TransferError``, ``SourceError`` or `DatabaseError`; nothing of the copy is then left, unless the
    ///   connection is lost too.
    package func run(_ progress: (TransferProgress) -> Void) async throws -> Outcome {
        for place in [origin, target] {
            try await LifeWatch(database: place.database, patience: options.patience)
                .requireNone(in: place.name, progress)
        }
        // Whoever commits to the origin from here on makes the copy one of two states.
        let mark = try await origin.database.changeMark()
        try await undoUnfinished()
        let planning = TransferPlanning(
            origin: origin.database, target: target.database, intoExisting: options.intoExisting)
        let plan = try await planning.plan(progress)
        let copy = try await begin(plan)
        do {
            var outcome = try await fill(copy, progress)
            outcome.report = try await compare(copy, progress)
            guard try await origin.database.changeMark() == mark else {
                throw TransferError(
                    .differs,
                    "somebody wrote to \(origin.name) while it was copied: stop every program that writes to it, then copy again"
                )
            }
            try await finish(copy)
            return outcome
        } catch {
            throw await takeBack(copy, error)
        }
    }

    // MARK: Unfinished copies

    private func undoUnfinished() async throws {
        guard let mark = try await targetMark() else { return }
        guard mark.origin == (try await originID()) else {
            throw TransferError(
                .unfinished,
                "the target holds an unfinished copy of another installation, \(mark.place): run that copy again, or use another database"
            )
        }
        try await mark.undo(in: target.database)
    }

    /// Takes away what a copy that failed has written. - Returns: why it failed.
    private func takeBack(_ copy: Copy, _ failure: any Error) async -> any Error {
        let mark: TransferMark?
        do { mark = try await targetMark() } catch { return failure }
        if let mark, mark.run == copy.run {
            try? await mark.undo(in: target.database)
            return failure
        }
        // What is there is another copy's, unless the connection was lost after the last transaction had been committed.
        let isUnknown = (failure as? DatabaseError)?.code == .commitUnknown
        return mark == nil && isUnknown ? failure : TransferMark.rivalled
    }

    private func targetMark() async throws -> TransferMark? {
        try await target.database.read { connection in try TransferMark.read(on: connection) }
    }

    func originID() async throws -> String {
        let row = try await origin.database.read { connection in
            try connection.row(.both("SELECT value FROM \(Table.meta) WHERE name = 'database_id'"))
        }
        return row?[0].text ?? ""
    }

    // MARK: Filling

    /// One table on its way.
    struct TableCopy: Sendable {
        let entry: TransferPlan.Entry
        let rows: RowCopy
        let pairs: [SourcePair]
    }

    struct Copy: Sendable {
        /// Of the ``TransferMark``.
        let run: String
        let plan: TransferPlan
        let tables: [TableCopy]
    }

    private func fill(_ copy: Copy, _ progress: (TransferProgress) -> Void) async throws -> Outcome {
        var outcome = Outcome(report: TransferReport(), notes: copy.plan.notes)
        for table in copy.tables {
            outcome.notes += table.entry.notes(on: table.rows.table)
            let total = table.entry.findings.rows
            _ = try await table.rows.copy(passesKnown: table.entry.rowsBefore) { done in
                progress(TransferProgress(.copyingRows, table.entry.origin.name, done, of: total))
            }
        }
        for table in copy.tables {
            for pair in table.pairs {
                let lost = try await copyRecords(pair, table, keepsNumbers: copy.plan.keepsNumbers, progress)
                if lost > 0 {
                    outcome.notes.append(TransferNote(.lostRecords, table.entry.origin.name, String(lost)))
                }
            }
        }
        outcome.notes += try await makeObjects(copy, progress)
        return outcome
    }

    /// - Returns: how many records are of keys that no row can have.
    private func copyRecords(
        _ pair: SourcePair, _ table: TableCopy, keepsNumbers: Bool, _ progress: (TransferProgress) -> Void
    ) async throws -> Int {
        let copies = recordCopies(pair, table, keepsNumbers: keepsNumbers)
        var total = 0
        for copy in copies { total += try await copy.count() }
        var (done, lost) = (0, 0)
        for copy in copies {
            let before = done
            let counts = try await copy.copy { count in
                progress(TransferProgress(.copyingRecords, pair.origin.collection, before + count, of: total))
            }
            done += counts.rows + counts.lost
            lost += counts.lost
        }
        return lost
    }

    func recordCopies(_ pair: SourcePair, _ table: TableCopy, keepsNumbers: Bool) -> [RecordCopy] {
        let space = spaces(pair.origin.definition.model)?.id
        let kinds = [
            RecordKind.embeddings(keepsNumbers: keepsNumbers), .jobs(keepsNumbers: keepsNumbers), .dead,
        ]
        return kinds.map { kind in
            RecordCopy(
                kind, pair, table.rows.table, space: space, from: origin.database, to: target.database)
        }
    }

    func originLimits() async throws -> [ModelLimit] {
        try await origin.database.read { connection in try ModelLimitStore().all(on: connection) }
    }
}

extension TransferPlan.Entry {
    /// What the target's own table makes of the columns.
    fileprivate func notes(on table: TargetTable) -> [TransferNote] {
        let written = Set(table.columns.map(\.place))
        return origin.columns.enumerated().compactMap { place, column in
            guard let index = table.columns.firstIndex(where: { $0.place == place }) else {
                return written.contains(place) ? nil : TransferNote(.computedColumn, origin.name, column.name)
            }
            let traits = findings.columns[place].traits
            let isMixed =
                table.columns[index].form == .text && traits.contains(where: \.isNumber)
                && ddl != nil
            return isMixed ? TransferNote(.mixedColumn, origin.name, column.name) : nil
        }
    }
}
