import Core
import DatabasePostgres
import Foundation
import TestDatabases
import Testing

struct TLSTests {
    /// A server that speaks TLS with a certificate of its own making, for `localhost`, and nothing else over TCP.
    private func secured() async throws -> (server: PrivateServer, url: String, certificate: String) {
        let server = try await PrivateServer()
        let data = try await server.data
        try await PrivateServer.run(
            "openssl",
            [
                "req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost", "-out", "\(data)/server.crt", "-keyout", "\(data)/server.key",
            ])
        try await PrivateServer.run(
            "bash",
            [
                "-c",
                """
                chmod 600 "$0/server.key" && echo "ssl = on" >>"$0/postgresql.conf" && cp "$0/server.crt" "$0/../server.crt" &&
                printf 'local all all trust\\nhostssl all all 127.0.0.1/32 trust\\n' >"$0/pg_hba.conf"
                """, data,
            ])
        try await server.stop("fast")
        try await server.start()
        return (server, "postgres://postgres@localhost:\(server.port)/postgres", "\(server.address)/server.crt")
    }

    @Test func `a server without TLS is refused where it is demanded`() async throws {
        let server = try await TestServer.shared()
        for mode in ["require", "verify-ca", "verify-full"] {
            let url =
                server.url(of: "postgres", role: "nobody", password: "x") + "?sslmode=\(mode)&sslrootcert=/dev/null"
            let error = await refusal { try await open(url: url) }
            #expect(error?.code == .cannotOpen, "\(mode)")
            #expect(error?.message.contains("TLS") == true && error?.message.contains("sslmode") == true)
        }
    }

    @Test func `a self-made certificate is taken where it is given, and refused where it is not`() async throws {
        let (server, url, certificate) = try await secured()
        defer { withExtendedLifetime(server) {} }
        for mode in ["require", "verify-ca", "verify-full"] {
            let database = try await open(url: "\(url)?sslmode=\(mode)&sslrootcert=\(certificate)")
            #expect(try await database.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == 1)
            await database.close()
        }
        let unknown = await refusal { try await open(url: "\(url)?sslmode=verify-full&sslrootcert=/nowhere") }
        #expect(unknown?.code == .cannotOpen)
        #expect(unknown?.message.contains("sslrootcert") == true)
        let other = url.replacing("localhost", with: "127.0.0.1")
        let wrongName = await refusal { try await open(url: "\(other)?sslmode=verify-full&sslrootcert=\(certificate)") }
        #expect(wrongName?.code == .cannotOpen)
        #expect(wrongName?.message.contains("name in the server's certificate") == true)
        let plain = await refusal { try await open(url: "\(url)?sslmode=disable") }
        #expect(plain?.code == .cannotOpen)
        #expect(plain?.message.contains("pg_hba.conf") == true)
    }

    @Test func `a statement is stopped and a listener hears over TLS too`() async throws {
        let (server, url, _) = try await secured()
        defer { withExtendedLifetime(server) {} }
        let database = try await open(url: "\(url)?sslmode=require") { $0.readers = 1 }
        let sleeper = Task { try await database.value("SELECT pg_sleep(60)") }
        try await until("it sleeps") {
            try await database.write {
                try $0.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 1
            }
        }
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        let mark = try await database.changeMark()
        try await Program.run("psql", [server.url, "-qc", "NOTIFY millrace"])
        try await until("it has heard") { try await database.changeMark() > mark }
        await database.close()
    }
}
