import Core

/// The values of one execution as libpq takes them: texts that end with a zero byte, blobs in binary.
///
/// Kept by the connection, so that its memory is used again.
struct ParameterBuffer {
    private var bytes: [UInt8] = []
    /// Where each value begins in `bytes`; nil is NULL.
    private var starts: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    private var pointers: [UnsafePointer<CChar>?] = []

    /// Takes the values in the order of `names`. The server infers the type of each from where it stands.
    ///
    /// - Throws: where a text holds U+0000, which PostgreSQL cannot store.
    mutating func fill(
        _ parameters: Parameters, inOrderOf names: [String], of statement: String
    ) throws(DatabaseError) {
        bytes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        try parameters.forEach(inOrderOf: names, of: statement) { index, value throws(DatabaseError) in
            switch value {
            case .null: appendNull()
            case .integer(let integer): append(String(integer).utf8, isBinary: false)
            case .real(let real): append(String(describing: real).utf8, isBinary: false)
            case .text(let text):
                guard !text.utf8.contains(0) else {
                    throw DatabaseError(
                        .constraint,
                        "the value of :\(names[index]) holds the character U+0000, which PostgreSQL cannot store: take it out of the text",
                        statement: statement)
                }
                append(text.utf8, isBinary: false)
            case .blob(let blob): append(blob, isBinary: true)
            }
        }
    }

    private mutating func append(_ value: some Collection<UInt8>, isBinary: Bool) {
        starts.append(bytes.count)
        lengths.append(Int32(value.count))
        formats.append(isBinary ? 1 : 0)
        bytes.append(contentsOf: value)
        bytes.append(0)
    }

    private mutating func appendNull() {
        starts.append(nil)
        lengths.append(0)
        formats.append(0)
    }

    /// Calls `body` with the values as libpq's functions take them; the pointers live as long as the call.
    mutating func withPointers<Result>(
        _ body: (
            _ count: Int32, _ values: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int32>?,
            _ formats: UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        pointers.removeAll(keepingCapacity: true)
        return bytes.withUnsafeBytes { raw in
            let base = raw.baseAddress?.assumingMemoryBound(to: CChar.self)
            for start in starts { pointers.append(start.flatMap { start in base.map { $0 + start } }) }
            return pointers.withUnsafeBufferPointer { pointers in
                lengths.withUnsafeBufferPointer { lengths in
                    formats.withUnsafeBufferPointer { formats in
                        body(
                            Int32(pointers.count), pointers.baseAddress, lengths.baseAddress, formats.baseAddress)
                    }
                }
            }
        }
    }
}
