import Foundation
import Messages

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// What a command writes and how: results on stdout, everything else on stderr, in the user's language.
struct Terminal: Sendable {
    static let shared = Terminal()

    let language = Language(environment: ProcessInfo.processInfo.environment)
    /// Whether a person watches stderr, so that a progress line may be drawn over itself.
    let drawsProgress = isatty(2) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    let hasColor = isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil

    /// Columns of the window, 80 where that is unknown.
    var width: Int {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    func text(_ message: Message, _ values: [String: String] = [:]) -> String {
        Messages.text(message, language, values)
    }

    /// A line of the result.
    func result(_ line: String) {
        write(line + "\n", to: 1)
    }

    /// A sentence of the result: broken between words where a person reads it in a window, one line for the pipe.
    ///
    /// - Parameter hanging: columns by which lines after the first are moved to the right.
    func result(_ sentence: String, hanging: Int) {
        guard isatty(1) == 1 else { return result(sentence) }
        sentence.wrapped(to: width, hanging: hanging).forEach(result)
    }

    /// A line for the person, not for the pipe.
    func note(_ line: String) {
        write(line + "\n", to: 2)
    }

    func error(_ sentence: String) {
        write("error: \(sentence)\n", to: 2)
    }

    /// Shortens a progress line to the window and draws it over the last one.
    func draw(_ line: String) {
        guard drawsProgress else { return }
        write("\r" + line.shortened(to: width - 1) + "\u{1B}[K", to: 2)
    }

    /// Ends a progress line.
    func endDrawing() {
        guard drawsProgress else { return }
        write("\n", to: 2)
    }

    private func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }
}

extension String {
    /// Columns that the text takes in a terminal: Hangul, kana and Chinese characters take two.
    var columns: Int {
        unicodeScalars.reduce(0) { $0 + $1.columns }
    }

    /// The text in at most `limit` columns, an ellipsis at the end where something is missing.
    func shortened(to limit: Int) -> String {
        guard columns > limit else { return self }
        var kept = ""
        var used = 0
        for character in self {
            let wide = String(character).columns
            if used + wide > limit - 1 { break }
            kept.append(character)
            used += wide
        }
        return kept + "…"
    }

    /// Lines of at most `width` columns, broken between words; a word that is longer than that stays whole.
    func wrapped(to width: Int, hanging: Int) -> [String] {
        var lines: [String] = []
        for word in split(separator: " ", omittingEmptySubsequences: false) {
            if let line = lines.last, line.columns + 1 + String(word).columns <= width {
                lines[lines.count - 1] = line + " " + word
            } else {
                lines.append(String(repeating: " ", count: lines.isEmpty ? 0 : hanging) + word)
            }
        }
        return lines
    }

    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - columns))
    }

    func paddedLeft(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - columns)) + self
    }
}

extension Unicode.Scalar {
    fileprivate var columns: Int {
        switch value {
        case 0..<32, 0x7F..<0xA0: 0
        case 0x300...0x36F, 0x200B...0x200F, 0xFE00...0xFE0F: 0
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            2
        default: 1
        }
    }
}
