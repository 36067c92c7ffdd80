import FoundationEssentials
import Glibc

/// The table of contents of a safetensors file: which tensor lies where. The tensors themselves are never read here.
///
/// Format (https://github.com/huggingface/safetensors, README "Format"): 8 bytes little-endian length of a JSON header,
/// the header, then the tensors' bytes; offsets in the header count from the end of the header.
package struct SafetensorsHeader: Sendable {
    /// One tensor.
    package struct Tensor: Sendable, Equatable {
        /// `F32`, `I64`, …
        package let type: String
        package let shape: [Int]
        /// Bytes from the start of the file.
        package let offset: Int
        package let bytes: Int
    }

    /// Tensors by name.
    package let tensors: [String: Tensor]

    /// Reads the header of the file at `path`. Every length and range is checked against the file's size.
    /// - Throws: `modelMissing` where there is no such file, `modelCorrupt` where it is not whole.
    package init(path: String) throws(EmbeddingError) {
        func corrupt(_ what: String) -> EmbeddingError {
            EmbeddingError(.modelCorrupt, "The weights \(path) cannot be used: \(what); fetch the model again.")
        }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw EmbeddingError(.modelMissing, "The weights \(path) cannot be opened; fetch the model.")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw corrupt("its size cannot be read") }
        let size = Int(status.st_size)
        var length: UInt64 = 0
        guard pread(file, &length, 8, 0) == 8 else { throw corrupt("it ends before its header") }
        length = UInt64(littleEndian: length)
        guard length <= Self.maximumHeaderBytes, Int(length) <= size - 8 else {
            throw corrupt("its header claims \(length) bytes of a file of \(size)")
        }
        var header = [UInt8](repeating: 0, count: Int(length))
        guard pread(file, &header, header.count, 8) == header.count else { throw corrupt("its header cannot be read") }
        let entries: [String: Entry]
        do {
            entries = try JSONDecoder().decode([String: Entry].self, from: Data(header))
        } catch {
            throw corrupt("its header is not the JSON that the format asks for")
        }
        let start = 8 + header.count
        var tensors: [String: Tensor] = [:]
        for (name, entry) in entries where name != "__metadata__" {
            guard let type = entry.dtype, let shape = entry.shape, let range = entry.data_offsets, range.count == 2,
                range[0] >= 0, range[0] <= range[1], range[1] <= size - start, shape.allSatisfy({ $0 >= 0 })
            else { throw corrupt("tensor \(name) lies outside the file") }
            if let width = Self.widths[type] {
                var bytes = width
                for extent in shape {
                    let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
                    guard !overflow else { throw corrupt("tensor \(name) is larger than memory") }
                    bytes = product
                }
                guard bytes == range[1] - range[0] else {
                    throw corrupt("tensor \(name) has not the size of its shape")
                }
            }
            tensors[name] = Tensor(type: type, shape: shape, offset: start + range[0], bytes: range[1] - range[0])
        }
        self.tensors = tensors
    }

    /// The reference implementation's limit on a header.
    private static let maximumHeaderBytes = 100_000_000

    private static let widths = ["F32": 4, "I64": 8, "F16": 2, "BF16": 2, "I32": 4, "U8": 1, "I8": 1, "F64": 8]

    /// `__metadata__` has other fields, hence the optionals.
    private struct Entry: Decodable {
        let dtype: String?
        let shape: [Int]?
        let data_offsets: [Int]?
    }
}
