import Foundation
import Secrets
import Testing

@testable import Serve

@Suite struct `Signing in` {
    private static let token = "a-token-of-the-tests"
    private static let form = ["Content-Type": "application/x-www-form-urlencoded"]

    private func withLogin(_ body: @Sendable (RunningServer) async throws -> Void) async throws {
        var settings = ServerSettings(port: 0)
        settings.adminToken = Secret(Self.token)
        try await withServer(.workshop(), settings: settings, body)
    }

    /// The cookie as a browser sends it back.
    private func signIn(_ server: RunningServer, _ headers: [String: String] = [:]) async throws -> String {
        let answer = try await server.post("/login", "token=\(Self.token)", Self.form.merging(headers) { $1 })
        #expect(answer.status == 303)
        #expect(answer.headers["location"] == "/")
        return String(try #require(answer.headers["set-cookie"]).prefix { $0 != ";" })
    }

    @Test func `with the token gives a cookie that opens everything, and says nothing of the token`() async throws {
        try await withLogin { (server) async throws in
            let answer = try await server.post("/login", "token=\(Self.token)", Self.form)
            let cookie = try #require(answer.headers["set-cookie"])
            #expect(cookie.hasPrefix("millrace_session_\(server.port)="))
            #expect(cookie.hasSuffix("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"))
            #expect(!cookie.contains("token"))
            let pair = String(cookie.prefix { $0 != ";" })
            #expect(try await server.get("/api/status", ["Cookie": pair]).status == 200)
            #expect(try await server.get("/", ["Cookie": "other=1; \(pair)"]).status == 200)
            #expect(try await server.get("/api/session", ["Cookie": pair]).text == #"{"login":true}"#)
            #expect(try await server.get("/login", ["Cookie": pair]).headers["location"] == "/")
            #expect(try await server.post("/api/jobs/retry", "{}", ["Cookie": pair]).status == 200)
            let events = try Wire(port: server.port)
            events.send("GET /api/events HTTP/1.1\r\nHost: localhost\r\nCookie: \(pair)\r\n\r\n")
            #expect(try await events.read(through: "event: status\n").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `behind a proxy that ends TLS gives a cookie for TLS only`() async throws {
        try await withLogin { (server) async throws in
            let headers = Self.form.merging(["X-Forwarded-Proto": "https"]) { $1 }
            let answer = try await server.post("/login", "token=\(Self.token)", headers)
            #expect(answer.headers["set-cookie"]?.hasSuffix("; Secure") == true)
        }
    }

    @Test func `ends with signing out`() async throws {
        try await withLogin { (server) async throws in
            let cookie = try await signIn(server)
            let other = try await signIn(server)
            let out = try await server.post("/logout", "{}", ["Cookie": cookie])
            #expect(out.status == 200)
            #expect(out.headers["set-cookie"]?.contains("Max-Age=0") == true)
            #expect(try await server.get("/api/status", ["Cookie": cookie]).status == 401)
            #expect(try await server.get("/api/status", ["Cookie": other]).status == 200)
        }
    }

    @Test(arguments: [
        "millrace_session_0=x", "millrace_session=", "millrace_session", "a-token-of-the-tests",
        "=", ";;;", "PORT=\(String(repeating: "0", count: 64))", "PORT=a-token-of-the-tests", "PORT=",
    ])
    func `is not done by a made-up cookie`(cookie: String) async throws {
        try await withLogin { (server) async throws in
            _ = try await signIn(server)
            let cookie = cookie.replacingOccurrences(of: "PORT", with: "millrace_session_\(server.port)")
            #expect(try await server.get("/api/status", ["Cookie": cookie]).status == 401)
        }
    }

    @Test(arguments: ["token=wrong", "token=", "", "token=A-TOKEN-OF-THE-TESTS", "token=%61-token-of-the-test"])
    func `with another token shows the form again, with a word`(body: String) async throws {
        try await withLogin { (server) async throws in
            let answer = try await server.post("/login", body, Self.form)
            #expect(answer.status == 401)
            #expect(answer.headers["set-cookie"] == nil)
            #expect(answer.text.contains("role=\"alert\">This is not the token."))
            #expect(answer.text.contains("<form"))
        }
    }

    @Test func `takes a form of this server alone`() async throws {
        try await withLogin { (server) async throws in
            let body = "token=\(Self.token)"
            #expect(try await server.post("/login", #"{"token":"\#(Self.token)"}"#).status == 415)
            #expect(try await server.post("/login", body, ["Content-Type": "text/plain"]).status == 415)
            #expect(try await server.post("/login", body + "&next=//evil.example", Self.form).status == 400)
            let foreign = Self.form.merging(["Origin": "http://evil.example"]) { $1 }
            #expect(try await server.post("/login", body, foreign).status == 403)
            let long = "token=" + String(repeating: "a", count: 5000)
            #expect(try await server.post("/login", long, Self.form).status == 413)
        }
    }

    @Test(arguments: [("en", "Sign in"), ("ko-KR", "로그인")])
    func `is asked for in the reader's language, without a script`(accepted: String, title: String) async throws {
        try await withLogin { (server) async throws in
            let answer = try await server.get("/login", ["Accept-Language": accepted])
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
            #expect(answer.headers["cache-control"] == "no-store")
            #expect(answer.headers["vary"] == "Accept-Language")
            #expect(answer.headers["referrer-policy"] == "same-origin")
            #expect(answer.text.contains("<h1>\(title)</h1>"))
            #expect(!answer.text.contains("<script"))
        }
    }

    @Test func `is slowed down after a few wrong tokens, and goes on for who has the right one`() async throws {
        try await withLogin { (server) async throws in
            for _ in 0..<AttemptThrottle.free {
                #expect(try await server.post("/login", "token=wrong", Self.form).status == 401)
            }
            let cookie = try await signIn(server)
            // More at once than may wait: some are turned away unseen, whatever they carry.
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<(3 * AttemptThrottle.places) {
                    group.addTask { try await server.post("/login", "token=wrong", Self.form).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(statuses) == [401, 429])
            #expect(try await server.get("/api/status", ["Cookie": cookie]).status == 200)
        }
    }
}
