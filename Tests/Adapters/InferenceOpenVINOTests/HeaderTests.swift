import Embedding
import Foundation
import Testing

@testable import InferenceOpenVINO

/// Compares what `OpenVINOFunctions` declares with the headers that came with the library.
struct HeaderTests {
    /// `name` → its C types, result first, as the headers write them.
    private func declarations() throws -> [String: [String]] {
        let folder = try Place.store().runtimeFolder + "/include"
        var found: [String: [String]] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) where file.hasSuffix(".h") {
            let text = try String(contentsOfFile: folder + "/" + file, encoding: .utf8)
            for match in text.matches(of: #/OPENVINO_C_API\(([^)]*)\)\s*(\w+)\(([^;]*)\);/#) {
                let parameters = match.3.split(separator: ",").map { parameter in
                    // Drops the parameter's name, which is the last word.
                    let text = parameter.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                    return text.replacing(#/\s*\b\w+$/#, with: "")
                }
                found[String(match.2)] = [String(match.1)] + parameters.filter { !$0.isEmpty }
            }
        }
        return found
    }

    /// The Swift types that may stand for a C type. A handle's type is checked by name only as far as C does: as a pointer.
    private func swiftTypes(for type: String) -> [String] {
        let plain = type.replacingOccurrences(of: "const ", with: "").replacingOccurrences(of: " ", with: "")
        switch plain {
        case "void": return ["()"]
        case "ov_status_e": return ["Swift.Int32"]
        case "ov_element_type_e": return ["Swift.UInt32"]
        case "size_t": return ["Swift.Int"]
        case "ov_shape_t": return ["Swift.Int64", "Swift.UnsafeMutablePointer<Swift.Int64>"]
        case "char*": return ["Swift.UnsafePointer<Swift.Int8>"]
        case "char**": return ["Swift.UnsafeMutablePointer<Swift.UnsafeMutablePointer<Swift.Int8>>"]
        case "size_t*": return ["Swift.UnsafeMutablePointer<Swift.Int>"]
        case "void*": return ["Swift.UnsafeMutableRawPointer"]
        case "void**": return ["Swift.UnsafeMutablePointer<Swift.UnsafeMutableRawPointer>"]
        case "ov_version_t*", "ov_property_t*", "ov_callback_t*": return ["Swift.UnsafeMutableRawPointer"]
        case _ where plain.hasSuffix("**"): return ["Swift.UnsafeMutablePointer<Swift.OpaquePointer>"]
        case _ where plain.hasSuffix("*"): return ["Swift.OpaquePointer"]
        default: return ["no Swift type for \(type)"]
        }
    }

    @Test func `every declaration has the name, parameters and result of the header`() throws {
        let headers = try declarations()
        var checked = 0
        _ = try OpenVINOFunctions { (name, type) throws(EmbeddingError) in
            checked += 1
            // Optionality is Swift's own; C pointers have none.
            let ours = String(reflecting: type).replacing(#/Swift\.Optional<((?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*)>/#) {
                $0.1
            }
            .replacing(#/Swift\.Optional<((?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*)>/#) { $0.1 }
            guard let theirs = headers[name] else {
                Issue.record("\(name) is in no header")
                return UnsafeMutableRawPointer(bitPattern: 1)!
            }
            let parameters = theirs.dropFirst().flatMap { swiftTypes(for: $0) }
            let expected = "@convention(c) (\(parameters.joined(separator: ", "))) -> \(swiftTypes(for: theirs[0])[0])"
            #expect(ours == expected, "\(name)")
            return UnsafeMutableRawPointer(bitPattern: 1)!
        }
        #expect(checked == 23)
    }

    @Test func `the structs and numbers laid out by hand are the header's`() throws {
        let folder = try Place.store().runtimeFolder + "/include/"
        func text(_ file: String) throws -> String {
            try String(contentsOfFile: folder + file, encoding: .utf8).replacing(#/(//|/\*).*/#, with: "")
                .split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        #expect(try text("ov_shape.h").contains("{ int64_t rank; int64_t* dims; } ov_shape_t;"))
        #expect(try text("ov_property.h").contains("{ const char* key; const void* value; } ov_property_t;"))
        #expect(try text("ov_core.h").contains("{ const char* buildNumber; const char* description; } ov_version_t;"))
        #expect(
            try text("ov_infer_request.h").contains(
                "{ void(OPENVINO_C_API_CALLBACK* callback_func)(void* args); void* args; } ov_callback_t;"))
        let types = try #require(
            try text("ov_common.h").firstMatch(of: #/DYNAMIC = 0U,([^}]*)\} ov_element_type_e/#)?.1)
        let names = types.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(names.firstIndex(of: "I64") == Int(InferRequest.int64Type) - 1)
    }
}
