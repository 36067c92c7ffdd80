/// A text that is shown to nobody: a token, a key. Printed, logged or reflected it reads `(hidden)`.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    package init(_ text: String) {
        bytes = Array(text.utf8)
    }

    package var description: String { "(hidden)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }

    /// Bytes of UTF-8.
    package var count: Int { bytes.count }

    /// The text itself, for the one place that sends it.
    package func reveal() -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// Whether `candidate` is this secret.
    ///
    /// The time depends on the candidate's length alone, never on where the two differ: an early end would let a guesser
    /// find the secret byte by byte. O(candidate).
    package func matches(_ candidate: some StringProtocol) -> Bool {
        let candidate = Array(candidate.utf8)
        guard !bytes.isEmpty else { return false }
        var difference = UInt(bitPattern: bytes.count ^ candidate.count)
        for (place, byte) in candidate.enumerated() {
            difference |= UInt(byte ^ bytes[place % bytes.count])
        }
        return difference == 0
    }
}

extension Secret {
    /// The fewest bytes that a token between machines may have.
    package static let leastTokenBytes = 16

    /// What is wrong with this secret as a token, to be put behind the setting's name; nil where nothing is.
    ///
    /// A token travels in a header, so it is made of visible ASCII characters.
    package var faultAsToken: String? {
        guard bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            return "holds a space or a character that a header cannot carry"
        }
        return bytes.count < Self.leastTokenBytes
            ? "has \(bytes.count) characters, and at least \(Self.leastTokenBytes) are needed" : nil
    }

    /// A new secret of 256 random bits from the system, as 64 hexadecimal digits.
    package static func random() -> Secret {
        var generator = SystemRandomNumberGenerator()
        let digits = Array("0123456789abcdef".utf8)
        let text = (0..<32).flatMap { _ in
            let byte = UInt8.random(in: .min ... .max, using: &generator)
            return [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return Secret(String(decoding: text, as: UTF8.self))
    }
}
