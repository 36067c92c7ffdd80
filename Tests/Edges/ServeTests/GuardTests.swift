import Foundation
import Logging
import Serve
import Testing

@Suite struct GuardTests {
    @Test(arguments: ["localhost", "127.0.0.1", "LOCALHOST", "[::1]", "millrace.example:8443"])
    func `our own names are answered`(host: String) async throws {
        let settings = ServerSettings(port: 0, allowedHosts: ["inside.example", "millrace.example:8443"])
        try await withServer(settings: settings) { (server) async throws in
            #expect(try await server.get("/api/status", ["Host": host]).status == 200)
            #expect(try await server.get("/", ["Host": "inside.example:\(server.port)"]).status == 200)
        }
    }

    @Test(arguments: [
        "evil.example", "localhost.evil.example", "localhost:1", "millrace.example", "127.0.0.2", "", "localhost:x",
        "user@localhost", "[::1", "0.0.0.0",
    ])
    func `a foreign host name is refused in a sentence`(host: String) async throws {
        let settings = ServerSettings(port: 0, allowedHosts: ["millrace.example:8443"])
        try await withServer(settings: settings) { (server) async throws in
            for path in ["/", "/api/status", "/healthz", "/nothing"] {
                let answer = try await server.get(path, ["Host": host])
                // Without any Host the parser of HTTP refuses already.
                #expect(answer.status == 403 || (host.isEmpty && answer.status == 400))
            }
        }
    }

    @Test(arguments: [
        ["Origin": "http://evil.example"], ["Origin": "null"], ["Sec-Fetch-Site": "cross-site"],
        ["Sec-Fetch-Site": "same-site"], ["Origin": "http://localhost:1"],
        ["Origin": "file://localhost"],
    ])
    func `a page of another site cannot post`(headers: [String: String]) async throws {
        let backend = FakeBackend.workshop()
        try await withServer(backend) { (server) async throws in
            for path in ["/api/jobs/retry", "/api/search", "/v1/embeddings"] {
                let answer = try await server.post(path, "{}", headers)
                #expect(answer.status == 403)
                #expect(try answer.error("code") == "forbidden_origin")
            }
        }
        #expect(backend.snapshot.retries.isEmpty)
    }

    @Test func `our own page and programs can post`() async throws {
        try await withServer(.workshop()) { (server) async throws in
            let own = ["Origin": "http://localhost:\(server.port)", "Sec-Fetch-Site": "same-origin"]
            #expect(try await server.post("/api/jobs/retry", "{}", own).status == 200)
            #expect(try await server.post("/api/jobs/retry", "{}").status == 200)
        }
    }

    @Test(arguments: ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
    func `only JSON can be posted`(type: String) async throws {
        let backend = FakeBackend.workshop()
        try await withServer(backend) { (server) async throws in
            let answer = try await server.post("/api/jobs/retry", "{}", ["Content-Type": type])
            #expect(answer.status == 415)
            let good = try await server.post(
                "/api/jobs/retry", "{}", ["Content-Type": "Application/JSON ; charset=utf-8"])
            #expect(good.status == 200)
        }
        #expect(backend.snapshot.retries.count == 1)
    }

    @Test func `a body over the limit is refused, announced or not`() async throws {
        var settings = ServerSettings(port: 0)
        settings.limits.bodyBytes = 1000
        try await withServer(settings: settings) { [settings] (server) async throws in
            let long = #"{"text":"\#(String(repeating: "a", count: settings.limits.bodyBytes))"}"#
            let announced = try await server.post("/api/search", long)
            #expect(announced.status == 413)
            #expect(try announced.error("code") == "too_large")
            #expect(announced.headers["connection"] == "close")
            let chunk = String(long.utf8.count, radix: 16) + "\r\n" + long + "\r\n0\r\n\r\n"
            let wire = try Wire(port: server.port)
            wire.send(
                """
                POST /api/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r
                Transfer-Encoding: chunked\r\n\r\n\(chunk)
                """)
            #expect(try Wire.Answer(raw: await wire.readToEnd()).status == 413)
        }
    }

    @Test func `a connection that sends half a head or half a body is closed`() async throws {
        var settings = ServerSettings(port: 0)
        settings.limits.idleSeconds = 1
        settings.limits.bodySeconds = 1
        try await withServer(settings: settings) { (server) async throws in
            let silent = try Wire(port: server.port)
            let head = try Wire(port: server.port)
            head.send("GET / HTTP/1.1\r\nHost: local")
            let body = try Wire(port: server.port)
            body.send(
                "POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
            )
            #expect(await silent.readToEnd().isEmpty)
            #expect(await head.readToEnd().isEmpty)
            #expect(await body.readToEnd().isEmpty)
        }
    }

    @Test func `a GET with a body is refused and its connection closed`() async throws {
        try await withServer { (server) async throws in
            let answer = try await server.ask("GET", "/api/status", body: "{}")
            #expect(answer.status == 400)
            #expect(answer.headers["connection"] == "close")
        }
    }

    @Test(arguments: ["/", "/api/status", "/api/nothing", "/metrics", "/v1/models"])
    func `every answer carries the headers that hold a browser back`(path: String) async throws {
        try await withServer { (server) async throws in
            let headers = try await server.get(path).headers
            #expect(
                headers["content-security-policy"]
                    == "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            )
            #expect(headers["x-content-type-options"] == "nosniff")
            #expect(headers["referrer-policy"] == "no-referrer")
            #expect(headers["access-control-allow-origin"] == nil)
        }
    }

    @Test func `a port in use is an error that says what to do`() async throws {
        try await withServer { (server) async throws in
            let second = HTTPServer(
                settings: ServerSettings(port: server.port), backend: FakeBackend(), logger: Logger(label: "second"))
            let error = await #expect(throws: ServeError.self) { try await second.run() }
            #expect(error?.code == .portInUse)
            #expect(
                error?.message
                    == "port \(server.port) is in use: stop the other program or choose another with --port")
        }
    }

    @Test func `an address open to others must be asked for in so many words`() async throws {
        let server = HTTPServer(
            settings: ServerSettings(host: "0.0.0.0", port: 0), backend: FakeBackend(), logger: Logger(label: "open"))
        let error = await #expect(throws: ServeError.self) { try await server.run() }
        #expect(error?.code == .openBind)
        let settings = ServerSettings(host: "0.0.0.0", port: 0, allowsOpenBind: true)
        try await withServer(settings: settings) { (server) async throws in
            #expect(try await server.get("/healthz", ["Host": "evil.example"]).status == 403)
            #expect(try await server.get("/healthz", ["Host": "127.0.0.1:\(server.port)"]).status == 200)
        }
    }
}
