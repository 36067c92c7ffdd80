import Foundation
import Serve
import Testing

@Suite struct RouteTests {
    @Test func `the status is JSON in snake case with an explicit null`() async throws {
        try await withServer(.workshop()) { (server) async throws in
            let answer = try await server.get("/api/status")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
            let status = try answer.object()
            #expect((status["rate"] as? [String: Any])?["per_second"] as? Double == 1_180.4)
            let workers = try #require(status["workers"] as? [[String: Any]])
            #expect(workers[0]["seen_seconds_ago"] as? Double == 0.4)
            #expect(workers[1]["state"] as? String == "lost")
            let sources = try #require(status["sources"] as? [[String: Any]])
            #expect(sources[0]["progress_percentage"] as? Double == 80.25)
            #expect(sources[1]["eta_seconds"] is NSNull)
            #expect(sources[1]["fault"] is NSNull)
            #expect(sources[1]["key"] as? [String] == ["shelf", "number"])
        }
    }

    @Test func `a search by query text answers the results`() async throws {
        let backend = FakeBackend.workshop()
        try await withServer(backend) { (server) async throws in
            let answer = try await server.get("/api/search?q=soft+close%20%EA%B2%BD%EC%B2%A9&k=2&collection=parts")
            #expect(answer.status == 200)
            let object = try answer.object()
            #expect(object["method"] as? String == "exact")
            #expect(object["took_ms"] as? Double == 1.25)
            #expect((object["results"] as? [[String: Any]])?.count == 2)
        }
        #expect(backend.snapshot.searches == [SearchRequest(.text("soft close 경첩"), count: 2, collection: "parts")])
    }

    @Test(arguments: [
        (#"{"text":"hinge"}"#, SearchRequest(.text("hinge"))),
        (#"{"vector":[1,0.5],"k":10000}"#, SearchRequest(.vector([1, 0.5]), count: 10_000)),
        (#"{"item":"17","collection":"parts","k":1}"#, SearchRequest(.item("17"), count: 1, collection: "parts")),
    ])
    func `a search by body takes a text, a vector or an item`(body: String, request: SearchRequest) async throws {
        let backend = FakeBackend.workshop()
        try await withServer(backend) { (server) async throws in
            #expect(try await server.post("/api/search", body).status == 200)
        }
        #expect(backend.snapshot.searches == [request])
    }

    @Test(arguments: [
        ("/api/search", "q"), ("/api/search?q=", "q"), ("/api/search?q=a&k=ten", "k"), ("/api/search?q=a&k=0", "k"),
        ("/api/search?q=a&k=10001", "k"), ("/api/search?q=a&k=1.5", "k"), ("/api/search?q=a&kk=1", "kk"),
        ("/api/search?q=a&q=b", "q"), ("/api/jobs?state=done", "state"), ("/api/jobs?limit=501", "limit"),
        ("/messages.json?lang=de", "lang"), ("/api/status?x=1", "x"),
    ])
    func `a bad parameter is refused by its name`(path: String, field: String) async throws {
        try await withServer { (server) async throws in
            let answer = try await server.get(path)
            #expect(answer.status == 400)
            #expect(try answer.error("code") == "bad_request")
            #expect(try answer.error("field") == field)
            #expect(try answer.error("hint")?.isEmpty == false)
        }
    }

    @Test(arguments: [
        (#"{"text":"a","item":"b"}"#, "text"), ("{}", "text"), (#"{"text":""}"#, "text"), (#"{"vector":[]}"#, "vector"),
        (#"{"text":"a","k":0}"#, "k"), (#"{"text":"a","k":"ten"}"#, "k"), (#"{"vector":[1,"x"]}"#, "vector.1"),
        (#"{"text":7}"#, "text"),
    ])
    func `a bad field of a search is refused by its name`(body: String, field: String) async throws {
        try await withServer { (server) async throws in
            let answer = try await server.post("/api/search", body)
            #expect(answer.status == 400)
            #expect(try answer.error("field") == field)
        }
    }

    @Test(arguments: ["", "{", "[1]", "nul", #"{"text":"a"}}"#, String(repeating: "[", count: 5000)])
    func `a body that is not the JSON asked for is refused`(body: String) async throws {
        try await withServer { (server) async throws in
            let answer = try await server.post("/api/search", body)
            #expect(answer.status == 400)
            #expect(try answer.error("code") == "bad_request")
        }
    }

    @Test func `a query that is not UTF-8 is refused`() async throws {
        try await withServer { (server) async throws in
            #expect(try await server.get("/api/search?q=%FF").status == 400)
            #expect(try await server.get("/api/search?q=%4").status == 400)
        }
    }

    @Test func `jobs are listed a page at a time`() async throws {
        try await withServer(.workshop()) { (server) async throws in
            let first = try await server.get("/api/jobs?state=dead&limit=40").object()
            #expect((first["jobs"] as? [[String: Any]])?.count == 40)
            let cursor = try #require(first["next_cursor"] as? String)
            let second = try await server.get("/api/jobs?state=dead&limit=40&cursor=\(cursor)").object()
            #expect((second["jobs"] as? [[String: Any]])?.count == 24)
            #expect(second["next_cursor"] == nil)
        }
    }

    @Test func `a retry makes its jobs available and says how many`() async throws {
        let backend = FakeBackend.workshop()
        try await withServer(backend) { (server) async throws in
            let answer = try await server.post("/api/jobs/retry", #"{"collection":"parts","reason":"invalid_utf8"}"#)
            #expect(try answer.object()["count"] as? Int == 12)
            #expect(try await server.post("/api/jobs/retry", "{}").object()["count"] as? Int == 55)
        }
        #expect(backend.snapshot.status.jobs.dead == 0)
        #expect(backend.snapshot.retries.last == RetrySelection())
    }

    @Test func `health, readiness and its reasons are told`() async throws {
        let backend = FakeBackend()
        try await withServer(backend) { (server) async throws in
            #expect(try await server.get("/healthz").status == 200)
            #expect(try await server.get("/readyz").status == 200)
            backend.change { $0.reasonsNotReady = ["The index is being loaded: 40 %."] }
            let answer = try await server.get("/readyz")
            #expect(answer.status == 503)
            #expect(try answer.object()["reasons"] as? [String] == ["The index is being loaded: 40 %."])
            #expect(try await server.get("/healthz").status == 200)
        }
    }

    @Test(arguments: BackendError.Code.allCases)
    func `every error of the backend has a status, a code and a hint`(code: BackendError.Code) async throws {
        let backend = FakeBackend()
        backend.change { $0.failure = BackendError(code, "It did not go.", hint: "Do this.") }
        try await withServer(backend) { (server) async throws in
            let answer = try await server.get("/api/status")
            #expect((400...599).contains(answer.status))
            #expect(try answer.error("code") == Refusal(BackendError(code, "", hint: "")).code.rawValue)
            #expect(try answer.error("message") == "It did not go.")
            #expect(try answer.error("hint") == "Do this.")
            #expect((answer.headers["retry-after"] != nil) == (answer.status == 503))
        }
    }

    @Test func `no worker is 503 with the time after which to ask again`() async throws {
        let backend = FakeBackend()
        backend.change {
            $0.failure = BackendError(.noWorker, "No worker can embed.", hint: "Start one.", retryAfterSeconds: 5)
        }
        try await withServer(backend) { (server) async throws in
            let answer = try await server.post("/api/search", #"{"text":"hinge"}"#)
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "5")
        }
    }

    @Test func `an unknown path is 404 and a wrong method 405, both in JSON with a hint`() async throws {
        try await withServer { (server) async throws in
            let missing = try await server.get("/api/nothing")
            #expect(missing.status == 404)
            #expect(try missing.error("code") == "not_found")
            #expect(try missing.error("hint")?.contains("/api") == true)
            let wrong = try await server.get("/api/jobs/retry")
            #expect(wrong.status == 405)
            #expect(wrong.headers["allow"] == "POST")
            let deleted = try await server.ask("DELETE", "/api/search")
            #expect(deleted.status == 405)
            #expect(deleted.headers["allow"] == "GET, HEAD, POST")
            #expect(try await server.ask("OPTIONS", "/api/search").status == 405)
        }
    }

    @Test func `HEAD has the headers of GET and no body`() async throws {
        try await withServer { (server) async throws in
            let answer = try await server.ask("HEAD", "/api/status")
            #expect(answer.status == 200)
            #expect(answer.body.isEmpty)
            #expect(answer.headers["content-length"].flatMap { Int($0) } ?? 0 > 0)
        }
    }
}
