import CKernels
import Glibc

/// SHA-256 (FIPS 180-4), for checking what was downloaded and for naming a ``Space``.
/// 90 MB take 0.07 s where the CPU has SHA instructions and 0.4 s elsewhere.
package struct SHA256 {
    private var state = mr_sha256()

    /// Begins. `allowExtensions` false keeps to portable C.
    package init(allowExtensions: Bool = true) {
        mr_sha256_start(&state, allowExtensions ? 1 : 0)
    }

    /// Adds bytes.
    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        mr_sha256_add(&state, bytes.baseAddress, bytes.count)
    }

    /// Adds the UTF-8 of `text`.
    package mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    /// Ends and answers the digest's 32 bytes.
    package consuming func finishBytes() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        mr_sha256_finish(&state, &digest)
        return digest
    }

    /// Ends and answers the digest as 64 lower-case hexadecimal digits.
    package consuming func finish() -> String {
        let digest = finishBytes()
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The digest of a file, read in pieces of 1 MiB; nil if it cannot be read to its end.
    package static func digest(ofFile path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var hash = SHA256()
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { piece.deallocate() }
        while true {
            let count = read(file, piece.baseAddress, piece.count)
            if count == 0 { return hash.finish() }
            guard count > 0 else { return nil }
            hash.add(UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
    }
}
