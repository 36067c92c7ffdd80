import Foundation
import Testing

@testable import Serve

@Suite struct OpenAITests {
    private let model = FakeBackend.model.name

    @Test func `one text and several are embedded in order`() async throws {
        try await withServer { (server) async throws in
            let one = try await server.post("/v1/embeddings", #"{"model":"\#(model)","input":"a bc"}"#).object()
            #expect(one["object"] as? String == "list")
            #expect(one["model"] as? String == model)
            #expect((one["usage"] as? [String: Int]) == ["prompt_tokens": 4, "total_tokens": 4])
            let many = try await server.post(
                "/v1/embeddings", #"{"model":"\#(model)","input":["a","한"],"encoding_format":"float","user":"u"}"#
            ).object()
            let data = try #require(many["data"] as? [[String: Any]])
            #expect(data.map { $0["index"] as? Int } == [0, 1])
            #expect(data.map { $0["object"] as? String } == ["embedding", "embedding"])
            #expect(data.map { ($0["embedding"] as? [Double])?.first } == [1, 3])
        }
    }

    @Test func `base64 is the little-endian floats`() {
        #expect(EmbeddingsAnswer.base64([1, -2][...]) == "AACAPwAAAMA=")
    }

    @Test(arguments: [
        (#""input":[1,2,3]"#, "input"), (#""input":[[1],[2]]"#, "input"), (#""input":"""#, "input"),
        (#""input":[]"#, "input"), (#""input":["a",""]"#, "input"), (#""input":{}"#, "input"),
        (#""inputs":"a""#, "input"),
        (#""input":"a","encoding_format":"hex""#, "encoding_format"), (#""input":"a","dimensions":3"#, "dimensions"),
        (#""input":[\#(Array(repeating: "\"a\"", count: 2049).joined(separator: ","))]"#, "input"),
    ])
    func `a request that is not OpenAI's is refused in its shape`(fields: String, param: String) async throws {
        try await withServer { (server) async throws in
            let answer = try await server.post("/v1/embeddings", #"{"model":"\#(model)",\#(fields)}"#)
            #expect(answer.status == 400)
            let error = try #require(try answer.object()["error"] as? [String: Any])
            #expect(Set(error.keys) == ["message", "type", "param", "code"])
            #expect(error["type"] as? String == "invalid_request_error")
            #expect(error["param"] as? String == param)
        }
    }

    @Test func `an unknown model, a foreign host and a missing worker have OpenAI's shape too`() async throws {
        let backend = FakeBackend()
        try await withServer(backend) { (server) async throws in
            let unknown = try await server.post("/v1/embeddings", #"{"model":"ada","input":"a"}"#)
            #expect(unknown.status == 404)
            #expect(try unknown.error("code") == "model_not_found")
            let foreign = try await server.get("/v1/models", ["Host": "evil.example"])
            #expect(foreign.status == 403)
            #expect(try foreign.error("type") == "invalid_request_error")
            backend.change { $0.failure = BackendError(.noWorker, "No worker can embed.", hint: "Start one.") }
            let absent = try await server.post("/v1/embeddings", #"{"model":"\#(model)","input":"a"}"#)
            #expect(absent.status == 503)
            #expect(absent.headers["retry-after"] == "10")
            #expect(try absent.error("type") == "server_error")
        }
    }

    @Test func `models are listed and told one by one`() async throws {
        try await withServer { (server) async throws in
            let list = try await server.get("/v1/models").object()
            #expect((list["data"] as? [[String: Any]])?.first?["id"] as? String == model)
            #expect(try await server.get("/v1/models/\(model)").object()["owned_by"] as? String == "millrace")
            #expect(try await server.get("/v1/models/ada").status == 404)
        }
    }
}
