import Messages

/// A line that shows how far a long work is: `embedding  12,400/63,112  20 %  1,180/s  43 s left`. Nothing is drawn
/// where nobody watches.
struct ProgressLine {
    private let title: String
    private let terminal: Terminal
    private let began = ContinuousClock.now
    private var first: Int?
    private var lastDrawn: ContinuousClock.Instant?
    private var hasDrawn = false

    init(_ title: String, terminal: Terminal = .shared) {
        self.title = title
        self.terminal = terminal
    }

    /// Shows `done` of `total`, at most ten times a second.
    mutating func show(_ done: Int, of total: Int) {
        let now = ContinuousClock.now
        first = first ?? done
        guard terminal.drawsProgress,
            lastDrawn.map({ $0.duration(to: now) > .milliseconds(100) }) ?? true || done >= total
        else { return }
        lastDrawn = now
        hasDrawn = true
        let elapsed = began.duration(to: now)
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        let rate = seconds > 0.2 ? Double(done - (first ?? 0)) / seconds : 0
        var parts = ["\(done.grouped)/\(total.grouped)", "\(total == 0 ? 100 : done * 100 / total) %"]
        if rate > 0 {
            parts.append("\(Int(rate).grouped)/s")
            parts.append(terminal.text(.cliTimeLeft, ["time": Int(Double(total - done) / rate).asDuration]))
        }
        terminal.draw(title + "  " + parts.joined(separator: "  "))
    }

    func end() {
        if hasDrawn { terminal.endDrawing() }
    }
}

extension Int {
    /// `12,400`.
    var grouped: String {
        var digits = String(magnitude)
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits.removeLast(3)
        }
        groups.insert(digits[...], at: 0)
        return (self < 0 ? "-" : "") + groups.joined(separator: ",")
    }

    /// Seconds as `43 s`, `12 min` or `3 h 20 min`.
    var asDuration: String {
        switch self {
        case ..<90: "\(self) s"
        case ..<5400: "\(self / 60) min"
        default: "\(self / 3600) h \(self / 60 % 60) min"
        }
    }
}
