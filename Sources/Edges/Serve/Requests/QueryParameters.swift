/// The parameters after `?`, each at most once, decoded as `application/x-www-form-urlencoded` says
/// (https://url.spec.whatwg.org/#urlencoded-parsing): `+` is a space, `%XX` a byte of UTF-8.
struct QueryParameters {
    private var values: [String: String] = [:]

    /// - Parameter known: The names that the route has; another is refused, since a misspelt `limit` would otherwise
    ///   be passed over in silence.
    init(_ query: String?, known: [String]) throws(Refusal) {
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decode(parts[0]), let value = Self.decode(parts.count > 1 ? parts[1] : "") else {
                throw Refusal(
                    .badRequest, "The query is not UTF-8 in percent encoding.", hint: "Encode it as a form does.")
            }
            guard known.contains(name) else {
                throw Refusal(
                    .badRequest, "The parameter \(name) is not known here.",
                    hint: known.isEmpty
                        ? "This route has no parameters." : "Known are: \(known.joined(separator: ", ")).",
                    field: name)
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw Refusal(
                    .badRequest, "The parameter \(name) is given twice.", hint: "Give it once.", field: name)
            }
        }
    }

    /// The text of a parameter; nil where it is absent or empty.
    func text(_ name: String) -> String? {
        values[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    func number(_ name: String, in range: ClosedRange<Int>, default fallback: Int) throws(Refusal) -> Int {
        guard let text = text(name) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw .outOfRange(name, range)
        }
        return number
    }

    static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(hexadecimal), let low = rest.next().flatMap(hexadecimal) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension Refusal {
    static func outOfRange(_ name: String, _ range: ClosedRange<Int>) -> Refusal {
        Refusal(
            .badRequest, "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).",
            hint: "Leave it out for the default.", field: name)
    }
}
