import Messages
import Sources
import Synchronization

/// Says on stderr for whose transactions a command waits, once for as long as they are the same.
final class WaitLine: Sendable {
    private let terminal: Terminal
    private let told = Mutex<[Int64]>([])

    init(terminal: Terminal) {
        self.terminal = terminal
    }

    @Sendable func show(_ wait: TableWait) {
        let pids = wait.holders.map(\.pid)
        guard !pids.isEmpty,
            told.withLock({ told in
                defer { told = pids }
                return told != pids
            })
        else { return }
        let holders = wait.holders.map { holder in
            terminal.text(
                .cliTableHolder,
                [
                    "pid": "\(holder.pid)",
                    "who": [holder.role, holder.program, holder.state].filter { !$0.isEmpty }.joined(separator: ", "),
                    "time": terminal.text(.timeSeconds, ["n": Int(holder.seconds).grouped]),
                ])
        }
        terminal.note(
            terminal.text(
                .cliWaitingForTable,
                ["table": wait.table.description, "holders": holders.joined(separator: "; ")]))
    }
}
