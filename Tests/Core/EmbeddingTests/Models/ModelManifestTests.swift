import Testing

@testable import Embedding

struct ModelManifestTests {
    @Test func `the built-in models are known, pinned and of one dimension`() {
        let names = ModelManifest.builtIn.map(\.name)
        #expect(names == ["all-minilm-l6-v2", "all-minilm-l6-v2-int8"])
        for manifest in ModelManifest.builtIn {
            #expect(manifest.dimension == 384)
            #expect(manifest.tokenizer.maximumTokens == 256)
            #expect(manifest.files.contains { $0.path == manifest.tokenizer.file })
            for file in manifest.files { #expect(manifest.wheels.contains { $0.name == file.wheel }) }
            for hash in manifest.files.map(\.sha256) + manifest.wheels.map(\.sha256) { #expect(hash.utf8.count == 64) }
        }
        #expect(RuntimePackage.openVINO.files.contains { $0.path == RuntimePackage.openVINO.library })
    }

    @Test func `whatever changes a vector changes the space, and the precision does not`() throws {
        let weights = try TinyBERT.weights()
        let space = try TinyBERT.manifest(weights: weights).space
        #expect(space.id.utf8.count == 32)
        #expect(space.dimension == 4)
        #expect(try TinyBERT.manifest(weights: weights).space == space)
        #expect(try TinyBERT.manifest(weights: weights) { $0["precisions"] = ["f32"] }.space == space)
        #expect(try TinyBERT.manifest(weights: weights, tokenizer: [1]).space != space)
        #expect(try TinyBERT.manifest(weights: weights + [0]).space != space)
        let short = try TinyBERT.manifest(weights: weights) {
            $0["tokenizer"] = ["kind": "wordpiece", "file": "tokenizer.json", "maximumTokens": 5] as [String: Any]
        }
        #expect(short.space != space)
        #expect(Set(ModelManifest.builtIn.map(\.space)).count == 2)
    }

    @Test(arguments: ["../x", "/etc/passwd", "a/../../b", "", "a//b", "./a", "a\0b"])
    func `a path that leaves the model's folder is refused`(path: String) throws {
        let failure = code {
            _ = try TinyBERT.manifest(weights: []) {
                var files = $0["files"] as! [[String: Any]]
                files[0]["path"] = path
                $0["files"] = files
            }
        }
        #expect(failure == .badInput)
        #expect(code { _ = try TinyBERT.manifest(weights: []) { $0["name"] = path } } == .badInput)
    }

    @Test func `a manifest that cannot be used says why`() throws {
        #expect(code { _ = try ModelManifest(json: Array("{".utf8)) } == .badInput)
        #expect(code { _ = try TinyBERT.manifest(weights: []) { $0["format"] = 2 } } == .badInput)
        #expect(code { _ = try TinyBERT.manifest(weights: []) { $0["modality"] = "smell" } } == .badInput)
    }
}
