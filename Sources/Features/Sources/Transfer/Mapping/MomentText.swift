/// Moments as SQLite's date functions write and read them: `2026-01-31`, `2026-01-31 12:34`, `2026-01-31T12:34:56.789Z`,
/// `2026-01-31 12:34:56+09:00`. Without a zone it is UTC.
///
/// Source of the form: sqlite.org/lang_datefunc.html, time values 1 to 7. Moments with more than six decimals of a second
/// are none here, since PostgreSQL keeps microseconds.
enum MomentText {
    /// Whether the text is a day alone.
    static func isDay(_ text: String) -> Bool {
        var reader = Reader(text)
        return reader.day() != nil && reader.isAtEnd
    }

    /// Microseconds since 1970-01-01T00:00:00Z; nil where the text is no moment.
    static func microseconds(_ text: String) -> Int64? {
        var reader = Reader(text)
        guard let day = reader.day() else { return nil }
        let midnight = Int64(day) * 86_400_000_000
        if reader.isAtEnd { return midnight }
        guard reader.take(" ") || reader.take("T"), let time = reader.time(), let offset = reader.zone(),
            reader.isAtEnd
        else { return nil }
        return midnight + time - offset
    }

    /// `2026-01-31 12:34:56.789000+00`: as PostgreSQL reads a moment whatever its settings are.
    static func text(microseconds: Int64) -> String {
        let (days, rest) = divided(microseconds, by: 86_400_000_000)
        let (seconds, fraction) = divided(rest, by: 1_000_000)
        let (year, month, day) = date(ofDay: days)
        let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { padded($0, 2) }.joined(separator: ":")
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2)) \(clock).\(padded(fraction, 6))+00"
    }

    private static func divided(_ number: Int64, by divisor: Int64) -> (Int64, Int64) {
        let rest = ((number % divisor) + divisor) % divisor
        return ((number - rest) / divisor, rest)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Days since 1970-01-01 of a day of the Gregorian calendar, carried backwards.
    ///
    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil; and its inverse below.
    private static func day(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(ofDay number: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }

    private struct Reader {
        private var rest: Substring.UTF8View

        init(_ text: String) {
            rest = text[...].utf8
        }

        var isAtEnd: Bool { rest.isEmpty }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard rest.first == UInt8(ascii: character) else { return false }
            rest.removeFirst()
            return true
        }

        /// A number of exactly so many digits in `range`.
        private mutating func number(_ digits: Int, _ range: ClosedRange<Int>) -> Int? {
            let part = rest.prefix(digits)
            guard part.count == digits, part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            let number = part.reduce(0) { $0 * 10 + Int($1 & 0xF) }
            guard range.contains(number) else { return nil }
            rest.removeFirst(digits)
            return number
        }

        /// Days since 1970.
        mutating func day() -> Int? {
            guard let year = number(4, 1...9999), take("-"), let month = number(2, 1...12), take("-"),
                let day = number(2, 1...31)
            else { return nil }
            let next = month == 12 ? MomentText.day(year + 1, 1, 1) : MomentText.day(year, month + 1, 1)
            let found = MomentText.day(year, month, day)
            return found < next ? found : nil
        }

        /// Microseconds since midnight.
        mutating func time() -> Int64? {
            guard let hour = number(2, 0...23), take(":"), let minute = number(2, 0...59) else { return nil }
            let minutes = Int64(hour * 60 + minute) * 60_000_000
            guard take(":") else { return minutes }
            guard let second = number(2, 0...59) else { return nil }
            let seconds = minutes + Int64(second) * 1_000_000
            guard take(".") else { return seconds }
            let digits = rest.prefix { (0x30...0x39).contains($0) }.count
            guard (1...6).contains(digits), let fraction = number(digits, 0...999_999) else { return nil }
            return seconds + Int64(fraction) * (0..<(6 - digits)).reduce(1) { power, _ in power * 10 }
        }

        /// Microseconds by which the text is ahead of UTC; 0 where it names no zone.
        mutating func zone() -> Int64? {
            if isAtEnd || take("Z") { return 0 }
            let sign: Int64 = take("+") ? 1 : take("-") ? -1 : 0
            // PostgreSQL writes whole hours without minutes.
            guard sign != 0, let hours = number(2, 0...15) else { return nil }
            guard take(":") else { return sign * Int64(hours) * 3_600_000_000 }
            guard let minutes = number(2, 0...59) else { return nil }
            return sign * Int64(hours * 60 + minutes) * 60_000_000
        }
    }
}
