import Testing

@testable import Embedding

struct SHA256Tests {
    private func digest(_ text: String, extensions: Bool = true) -> String {
        var hash = SHA256(allowExtensions: extensions)
        hash.add(text)
        return hash.finish()
    }

    /// FIPS 180-4 examples (NIST, "SHA256.pdf" of the example values) and the empty message.
    @Test(arguments: [true, false])
    func `the published examples come out`(extensions: Bool) {
        #expect(
            digest("", extensions: extensions) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            digest("abc", extensions: extensions) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", extensions: extensions)
                == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        #expect(
            digest(String(repeating: "a", count: 1_000_000), extensions: extensions)
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func `the processor's instructions and plain C agree at every length and split`() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 37 ^ $0 >> 3) }
        for length in 0...bytes.count {
            var plain = SHA256(allowExtensions: false)
            bytes[..<length].withUnsafeBytes { plain.add($0) }
            let expected = plain.finish()
            for split in Set([0, 1, length / 3, length / 2, length]) where split <= length {
                var hash = SHA256()
                bytes[..<split].withUnsafeBytes { hash.add($0) }
                bytes[split..<length].withUnsafeBytes { hash.add($0) }
                #expect(hash.finish() == expected, "\(length) bytes split at \(split)")
            }
        }
    }

    @Test func `a file that cannot be read has no digest`() throws {
        let folder = try TemporaryFolder()
        #expect(SHA256.digest(ofFile: folder.path + "/absent") == nil)
        #expect(SHA256.digest(ofFile: folder.path) == nil)
        try folder.write("abc", to: "file")
        #expect(SHA256.digest(ofFile: folder.path + "/file") == digest("abc"))
    }
}
