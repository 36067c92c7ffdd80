import ArgumentParser
import Composition
import Messages
import Sources

extension DatabaseCommand {
    struct Copy: Command {
        static let configuration = CommandConfiguration(
            abstract: "Move an installation from a SQLite file to PostgreSQL, compared row by row.",
            usage: "millrace db copy --to <to> [--from <from>] [--verify-only] [<options>]",
            discussion: """
                  1. Stop every server and worker, and whatever else writes to the file.
                  2. millrace db copy --to postgres://millrace@db.example/shop
                  3. DATABASE_URL=postgres://millrace@db.example/shop millrace serve

                Copies the attached tables with their rows, the sources, every embedding, waiting and failed jobs and the \
                models' limits, then compares all of it. The file is left as it was.

                All or nothing: a copy that fails is taken away again, one that was interrupted is begun anew by the next. \
                Whether the two still hold the same is told by --verify-only. Docs/MovingToPostgreSQL.md says what becomes \
                of each type, and what is refused.
                """)

        @OptionGroup var options: SharedOptions
        @OptionGroup var output: JSONOption

        @Option(help: "The PostgreSQL database, postgres://user@host:port/database; keep a password in ~/.pgpass.")
        var to: String

        @Option(help: "The SQLite file, sqlite:///path/to/file (DATABASE_URL).")
        var from: String?

        @Flag(help: "Copy beside what the target has: sources of its own, rows in a table of the same name.")
        var intoExisting = false

        @Flag(help: "Only compare the two, and change nothing.")
        var verifyOnly = false

        func validate() throws {
            guard from == nil || options.database == nil else {
                throw ValidationError("--from and --database both name the file that is moved: give one of them.")
            }
        }

        func perform() async throws {
            let settings = try await settings([.database: from])
            var copy = try DatabaseCopy(from: settings, to: to, logger: quietLogger(settings))
            copy.intoExisting = intoExisting
            let began = ContinuousClock.now
            let outcome = try await outcome(of: copy)
            if output.json { return try printJSON(outcome) }
            TransferText(terminal: .shared).show(outcome)
            guard !verifyOnly else { return }
            let seconds = Int(began.duration(to: .now).components.seconds)
            Terminal.shared.result(Terminal.shared.text(.transferDone, ["time": seconds.asDuration]), hanging: 0)
            Terminal.shared.result("  DATABASE_URL='\(copy.shownTarget)' millrace serve")
        }

        private func outcome(of copy: DatabaseCopy) async throws -> Transfer.Outcome {
            var lines = TransferLines(terminal: .shared)
            defer { lines.end() }
            return verifyOnly
                ? Transfer.Outcome(report: try await copy.verify { lines.show($0) })
                : try await copy.run { lines.show($0) }
        }
    }
}

/// A progress line for each step of a copy.
private struct TransferLines {
    private let terminal: Terminal
    private var step: (TransferProgress.Step, String)?
    private var line: ProgressLine?

    init(terminal: Terminal) {
        self.terminal = terminal
    }

    mutating func show(_ progress: TransferProgress) {
        if step.map({ $0 != (progress.step, progress.subject) }) ?? true {
            line?.end()
            step = (progress.step, progress.subject)
            line = ProgressLine(
                terminal.text(progress.step.message, ["subject": progress.subject]), terminal: terminal)
        }
        line?.show(progress.done, of: progress.total)
    }

    func end() {
        line?.end()
    }
}

/// What was moved, in lines.
private struct TransferText {
    let terminal: Terminal

    func show(_ outcome: Transfer.Outcome) {
        for table in outcome.report.tables {
            terminal.result(terminal.text(.transferTable, ["table": table.table, "rows": table.rows.grouped]))
        }
        for collection in outcome.report.collections {
            terminal.result(
                terminal.text(
                    .transferCollection,
                    [
                        "collection": collection.collection, "embeddings": collection.embeddings.grouped,
                        "jobs": collection.jobs.grouped, "dead": collection.dead.grouped,
                    ]))
        }
        if !outcome.notes.isEmpty {
            terminal.result(terminal.text(.transferNotes))
            for note in outcome.notes {
                let values = ["table": note.table, "detail": note.detail]
                terminal.result("  " + terminal.text(note.kind.message, values), hanging: 4)
            }
        }
        terminal.result(terminal.text(.transferCompared, ["values": outcome.report.values.grouped]))
    }
}

extension TransferProgress.Step {
    fileprivate var message: Message {
        switch self {
        case .watching: .transferWatching
        case .examining: .transferExamining
        case .copyingRows: .transferCopyingRows
        case .copyingRecords: .transferCopyingRecords
        case .indexing: .transferIndexing
        case .comparingRows: .transferComparingRows
        case .comparingRecords: .transferComparingRecords
        }
    }
}

extension TransferNote.Kind {
    fileprivate var message: Message {
        switch self {
        case .check: .transferNoteCheck
        case .trigger: .transferNoteTrigger
        case .view: .transferNoteView
        case .foreignKey: .transferNoteForeignKey
        case .generatedColumn: .transferNoteGeneratedColumn
        case .defaultValue: .transferNoteDefaultValue
        case .collation: .transferNoteCollation
        case .index: .transferNoteIndex
        case .renamedIndex: .transferNoteRenamedIndex
        case .mixedColumn: .transferNoteMixedColumn
        case .otherTable: .transferNoteOtherTable
        case .lostRecords: .transferNoteLostRecords
        case .rowsBefore: .transferNoteRowsBefore
        case .computedColumn: .transferNoteComputedColumn
        }
    }
}
