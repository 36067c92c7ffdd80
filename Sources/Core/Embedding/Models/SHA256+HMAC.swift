extension SHA256 {
    /// HMAC-SHA256 (RFC 2104) of `message` as 64 lower-case hexadecimal digits.
    package static func authentication(of message: [UInt8], key: String) -> String {
        var block = Array(key.utf8)
        if block.count > 64 {
            var hash = SHA256()
            block.withUnsafeBytes { hash.add($0) }
            block = hash.finishBytes()
        }
        block += [UInt8](repeating: 0, count: 64 - block.count)
        var inner = SHA256()
        block.map { $0 ^ 0x36 }.withUnsafeBytes { inner.add($0) }
        message.withUnsafeBytes { inner.add($0) }
        var outer = SHA256()
        block.map { $0 ^ 0x5C }.withUnsafeBytes { outer.add($0) }
        inner.finishBytes().withUnsafeBytes { outer.add($0) }
        return outer.finish()
    }
}
