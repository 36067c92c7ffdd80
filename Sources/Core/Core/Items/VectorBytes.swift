extension Collection<Float> {
    /// 4 bytes per number, little endian: how `millrace_embedding.vector` stores them.
    package var littleEndianBytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * 4)
        for number in self {
            Swift.withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }
}

extension [Float] {
    /// The numbers that ``Collection/littleEndianBytes`` wrote; a rest of fewer than 4 bytes is left out.
    package init(littleEndianBytes bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { raw in
            (0..<raw.count / 4).map { index in
                Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)))
            }
        }
    }
}
