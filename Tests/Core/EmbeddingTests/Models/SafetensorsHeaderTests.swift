import Testing

@testable import Embedding

struct SafetensorsHeaderTests {
    private func read(_ bytes: [UInt8]) throws -> SafetensorsHeader {
        let folder = try TemporaryFolder()
        try folder.write(bytes, to: "w")
        return try SafetensorsHeader(path: folder.path + "/w")
    }

    @Test func `tensors lie where the file says, counted from its start`() throws {
        let bytes = try TinyBERT.weights([("a", [2, 3]), ("b", [1])])
        let header = try read(bytes)
        #expect(header.tensors.keys.sorted() == ["a", "b"])
        let b = try #require(header.tensors["b"])
        #expect(b.shape == [1] && b.type == "F32" && b.bytes == 4)
        #expect(b.offset == bytes.count - 4)
    }

    @Test func `every truncation is found`() throws {
        let bytes = try TinyBERT.weights([("a", [2, 3]), ("b", [1])])
        for length in 0..<bytes.count {
            #expect(code { _ = try read(Array(bytes[..<length])) } == .modelCorrupt, "\(length) bytes")
        }
    }

    @Test func `no flipped bit in the header does harm`() throws {
        let bytes = try TinyBERT.weights([("a", [2])])
        for position in 0..<bytes.count - 8 {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << bit
                let code = code {
                    for tensor in try read(damaged).tensors.values {
                        #expect(tensor.offset + tensor.bytes <= damaged.count)
                    }
                }
                #expect(code == nil || code == .modelCorrupt)
            }
        }
    }

    @Test(
        arguments: [
            ["dtype": "F32", "shape": [2], "data_offsets": [0, 800]],
            ["dtype": "F32", "shape": [2], "data_offsets": [8, 0]],
            ["dtype": "F32", "shape": [2], "data_offsets": [-8, 0]],
            ["dtype": "F32", "shape": [3], "data_offsets": [0, 8]],
            ["dtype": "F32", "shape": [Int.max, 8], "data_offsets": [0, 8]], ["dtype": "F32", "shape": [2]],
            ["dtype": "F32", "shape": [-2], "data_offsets": [0, 8]],
        ] as [[String: any Sendable]])
    func `a tensor outside the file or of another size is refused`(entry: [String: any Sendable]) throws {
        let bytes = try TinyBERT.weights([("a", [2])]) { $0["a"] = entry }
        #expect(code { _ = try read(bytes) } == .modelCorrupt)
    }

    @Test func `a file that is not there is missing, not damaged`() {
        #expect(code { _ = try SafetensorsHeader(path: "/nonexistent/w") } == .modelMissing)
    }
}
