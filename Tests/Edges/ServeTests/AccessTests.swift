import Foundation
import HTTPTypes
import Logging
import Secrets
import Testing

@testable import Serve

/// The server with an admin token.
@Suite struct `The admin token` {
    static let token = "a-token-of-the-tests"
    private static let bearer = ["Authorization": "Bearer \(token)"]

    private var settings: ServerSettings {
        var settings = ServerSettings(port: 0)
        settings.adminToken = Secret(Self.token)
        return settings
    }

    /// Every route there is, its parameters filled in, with the methods that it has.
    private var routes: [(path: String, methods: [String])] {
        let server = HTTPServer(settings: settings, backend: FakeBackend(), logger: Logger(label: "walk"))
        return server.routes().methods.map { path, methods in
            (path.replacingOccurrences(of: "{model}", with: "m"), methods.map(\.rawValue))
        }
    }

    @Test func `is asked for by every route and method but the open ones`() async throws {
        let open: Set<String> = ["/healthz", "/readyz", "/login", "/page.css", "/favicon.svg"]
        #expect(AccessGuard.openPaths == open)
        let routes = routes
        #expect(routes.count > 20)
        #expect(open.isSubset(of: routes.map(\.path)))
        try await withServer(.workshop(), settings: settings) { (server) async throws in
            for (path, _) in routes + [("/nothing", []), ("//api/status", []), ("/api/status/", []), ("/LOGIN", [])] {
                for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
                    let body = method == "POST" && path != "/login" ? "{}" : nil
                    let answer = try await server.ask(method, path, body: body)
                    #expect((answer.status == 401) == !open.contains(path), "\(method) \(path): \(answer.status)")
                    if answer.status == 401 {
                        #expect(answer.headers["www-authenticate"] == "Bearer realm=\"millrace\"")
                    }
                }
            }
        }
    }

    @Test func `opens every route`() async throws {
        try await withServer(.workshop(), settings: settings) { (server) async throws in
            for (path, methods) in routes where path != "/login" {
                for method in methods {
                    let wire = try Wire(port: server.port)
                    let body = method == "POST" ? "{}" : ""
                    wire.send(
                        """
                        \(method) \(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: bearer \(Self.token)\r
                        Content-Type: application/json\r\n\(method == "POST" ? "Content-Length: 2\r\n" : "")\r\n\(body)
                        """)
                    let head = try await wire.read(through: "\r\n\r\n")
                    #expect(!head.hasPrefix("HTTP/1.1 401") && !head.hasPrefix("HTTP/1.1 403"), "\(method) \(path)")
                }
            }
        }
    }

    @Test(arguments: [
        "Bearer a-token-of-the-test", "Bearer a-token-of-the-testss", "Bearer", "Bearer ", "Basic a-token-of-the-tests",
        "a-token-of-the-tests", "Bearer A-TOKEN-OF-THE-TESTS", "Bearer a-token-of-the-tests, Bearer x",
    ])
    func `is not any other`(header: String) async throws {
        try await withServer(.workshop(), settings: settings) { (server) async throws in
            let answer = try await server.get("/api/status", ["Authorization": header])
            #expect(answer.status == 401)
            #expect(try answer.error("code") == "unauthorized")
            #expect(!answer.text.contains(Self.token))
        }
    }

    @Test func `is missed in OpenAI's shape where its clients ask`() async throws {
        try await withServer(.workshop(), settings: settings) { (server) async throws in
            let answer = try await server.get("/v1/models")
            #expect(answer.status == 401)
            #expect(try answer.error("code") == "invalid_api_key")
            #expect(try answer.error("type") == "invalid_request_error")
            #expect(try await server.get("/v1/models", Self.bearer).status == 200)
        }
    }

    @Test func `is what readiness tells its reasons for`() async throws {
        let backend = FakeBackend()
        backend.change { $0.reasonsNotReady = ["the index is being rebuilt"] }
        try await withServer(backend, settings: settings) { (server) async throws in
            for headers in [[:], ["Authorization": "Bearer wrong-token-of-the-tests"]] {
                let answer = try await server.get("/readyz", headers)
                #expect(answer.status == 503)
                #expect(answer.text == #"{"status":"not_ready"}"#)
            }
            #expect(try await server.get("/readyz", Self.bearer).text.contains("being rebuilt"))
            #expect(try await server.get("/healthz").text == #"{"status":"ok"}"#)
        }
    }

    @Test func `sends a person to the form and a program away`() async throws {
        try await withServer(.workshop(), settings: settings) { (server) async throws in
            let person = try await server.get("/", ["Accept": "text/html,*/*"])
            #expect(person.status == 303)
            #expect(person.headers["location"] == "/login")
            #expect(person.body.isEmpty)
            #expect(try await server.get("/").status == 401)
            #expect(try await server.get("/api/status", ["Accept": "text/html"]).status == 401)
            let wrong = ["Accept": "text/html", "Authorization": "Bearer wrong-token-of-the-tests"]
            #expect(try await server.get("/", wrong).status == 401)
        }
    }

    @Test func `that is not set lets everyone in, and there is nothing to sign in to`() async throws {
        try await withServer(.workshop()) { (server) async throws in
            #expect(try await server.get("/api/status").status == 200)
            #expect(try await server.get("/api/session").text == #"{"login":false}"#)
            #expect(try await server.get("/login").headers["location"] == "/")
            let form = ["Content-Type": "application/x-www-form-urlencoded"]
            #expect(try await server.post("/login", "token=x", form).headers["location"] == "/")
        }
    }

    @Test func `is asked for beside an address that other machines reach, and so is TLS`() async throws {
        let files = TLSFiles(certificate: "c", key: "k")
        for host in ["0.0.0.0", "::", "192.0.2.7", "millrace.example", "127.evil.example", "127.0.0.1.evil", "127.1"] {
            var settings = ServerSettings(host: host)
            #expect(settings.exposure?.message.contains("MILLRACE_ADMIN_TOKEN") == true)
            settings.tls = files
            #expect(settings.exposure?.message.contains("MILLRACE_ADMIN_TOKEN") == true)
            settings.allowsPlaintext = true
            #expect(settings.exposure != nil, "plaintext allowed does not mean open")
            settings.adminToken = Secret(Self.token)
            settings.allowsPlaintext = false
            #expect(settings.exposure == nil)
            settings.tls = nil
            #expect(settings.exposure?.message.contains("MILLRACE_TLS_CERT") == true)
            settings.allowsPlaintext = true
            #expect(settings.exposure == nil)
            settings.allowsPlaintext = false
            settings.adminToken = nil
            settings.allowsOpenBind = true
            #expect(settings.exposure == nil)
        }
        for host in ["localhost", "127.0.0.1", "127.8.9.10", "::1"] {
            #expect(ServerSettings(host: host).exposure == nil)
        }
    }
}
