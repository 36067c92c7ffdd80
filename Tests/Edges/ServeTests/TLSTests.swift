import Foundation
import Logging
import Secrets
import TestCertificates
import Testing

@testable import Serve

@Suite struct `HTTPS` {
    private func secured(_ name: String = "server") async throws -> ServerSettings {
        var settings = ServerSettings(port: 0)
        settings.tls = try await Certificates.files(name)
        return settings
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func `answers whoever trusts the authority`(version: String) async throws {
        try await withServer(settings: try await secured()) { (server) async throws in
            let answer = try await SecureClient(port: server.port, more: [version]).ask("/healthz")
            #expect(answer.output.contains("Verification: OK"))
            #expect(answer.output.contains("HTTP/1.1 200 OK"))
            #expect(answer.output.contains(#"{"status":"ok"}"#))
        }
    }

    @Test(arguments: ["-tls1", "-tls1_1"])
    func `is not spoken below version 1_2`(version: String) async throws {
        try await withServer(settings: try await secured()) { (server) async throws in
            let client = SecureClient(port: server.port, more: [version, "-cipher", "DEFAULT@SECLEVEL=0"])
            let answer = try await client.ask("/healthz")
            #expect(answer.code != 0)
            #expect(answer.output.contains("alert protocol version"), "\(answer.output)")
        }
    }

    @Test func `is refused by whom the certificate does not convince`() async throws {
        for (certificate, authority) in [("server", "foreign.pem"), ("stranger", "ca.pem"), ("elsewhere", "ca.pem")] {
            try await withServer(settings: try await secured(certificate)) { (server) async throws in
                let answer = try await SecureClient(port: server.port, authority: authority).ask("/healthz")
                #expect(answer.code != 0)
                #expect(!answer.output.contains("HTTP/1.1"))
            }
        }
    }

    @Test func `answers nothing to plain HTTP, and goes on`() async throws {
        try await withServer(settings: try await secured()) { (server) async throws in
            let wire = try Wire(port: server.port)
            wire.send("GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            #expect(!String(decoding: await wire.readToEnd(), as: UTF8.self).contains("HTTP/1.1"))
            #expect(try await SecureClient(port: server.port).ask("/healthz").output.contains("200 OK"))
        }
    }

    @Test func `closes a connection that never shakes hands`() async throws {
        var settings = try await secured()
        settings.limits.idleSeconds = 1
        try await withServer(settings: settings) { (server) async throws in
            let silent = try Wire(port: server.port)
            #expect(await silent.readToEnd().isEmpty)
        }
    }

    @Test func `is promised to browsers for a name, and not for this machine`() async throws {
        var settings = try await secured()
        settings.allowedHosts = ["millrace.example"]
        try await withServer(settings: settings) { (server) async throws in
            let client = SecureClient(port: server.port)
            let outside = try await client.ask("/healthz", host: "millrace.example").output.lowercased()
            #expect(outside.contains("strict-transport-security: max-age=31536000"))
            for host in ["localhost", "127.0.0.1", "localhost:\(server.port)"] {
                let inside = try await client.ask("/healthz", host: host).output.lowercased()
                #expect(inside.contains("200 ok"))
                #expect(!inside.contains("strict-transport"))
            }
        }
        settings.tls = nil
        try await withServer(settings: settings) { (server) async throws in
            let plain = try await server.get("/healthz", ["Host": "millrace.example"])
            #expect(plain.headers["strict-transport-security"] == nil)
        }
    }

    @Test func `marks the cookie as one for TLS only`() async throws {
        var settings = try await secured()
        settings.adminToken = .init("a-token-of-the-tests")
        try await withServer(settings: settings) { (server) async throws in
            let form = "token=a-token-of-the-tests"
            let answer = try await Program.run(
                "/usr/bin/openssl",
                ["s_client", "-connect", "127.0.0.1:\(server.port)", "-quiet", "-nocommands"],
                input: """
                    POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r
                    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(form.utf8.count)\r\n\r\n\(form)
                    """)
            #expect(answer.output.contains("303 See Other"))
            #expect(answer.output.contains("; HttpOnly; SameSite=Strict; Secure\r\n"))
        }
    }
}

@Suite struct `A server's certificate` {
    @Test(arguments: [
        ("missing.pem", "server.key", "missing.pem"), ("server.key", "server.key", "server.key"),
        ("server.pem", "missing.key", "missing.key"), ("server.pem", "server.pem", "server.pem"),
        ("server.pem", "renewed.key", "renewed.key"), ("server.pem", "locked.key", "locked.key"),
    ])
    func `that cannot be used names the file`(certificate: String, key: String, blamed: String) async throws {
        var settings = ServerSettings(port: 0)
        settings.tls = TLSFiles(
            certificate: try await Certificates.path(certificate), key: try await Certificates.path(key))
        let server = HTTPServer(settings: settings, backend: FakeBackend(), logger: Logger(label: "tls"))
        let error = await #expect(throws: ServeError.self) { try await server.run() }
        #expect(error?.code == .badFile)
        #expect(error?.message.contains("/\(blamed) ") == true, "\(error?.message ?? "")")
    }

    @Test func `is replaced when its files are, and stays while they are broken`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/millrace-renewal-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = TLSFiles(certificate: folder + "/c.pem", key: folder + "/k.pem")
        func put(_ source: String, _ target: String) async throws {
            let data = try Data(contentsOf: URL(fileURLWithPath: try await Certificates.path(source)))
            try data.write(to: URL(fileURLWithPath: target), options: .atomic)
        }
        try await put("server.pem", files.certificate)
        try await put("server.key", files.key)
        let certificate = try ServerCertificate(files, logger: Logger(label: "tls"))
        let first = certificate.context
        #expect(!certificate.look())

        // Between the two files' renewal they do not fit together.
        try await put("renewed.pem", files.certificate)
        #expect(!certificate.look())
        #expect(certificate.context === first)
        try await put("renewed.key", files.key)
        #expect(certificate.look())
        #expect(certificate.context !== first)

        let second = certificate.context
        try FileManager.default.removeItem(atPath: files.key)
        #expect(!certificate.look())
        #expect(certificate.context === second)
    }
}
