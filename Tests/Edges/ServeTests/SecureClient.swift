import Foundation
import Serve
import TestCertificates

extension Certificates {
    static func files(_ name: String) async throws -> TLSFiles {
        TLSFiles(certificate: try await path(name + ".pem"), key: try await path(name + ".key"))
    }
}

/// `openssl s_client` as the client of a TLS server.
struct SecureClient: Sendable {
    let port: Int
    var authority = "ca.pem"
    var name = "localhost"
    var more: [String] = []

    /// Sends one request and gives all that comes back, the program's own words where the handshake failed.
    func ask(_ path: String, host: String = "localhost", _ headers: [String] = []) async throws -> Program.Outcome {
        let head = ["GET \(path) HTTP/1.1", "Host: \(host)", "Connection: close"] + headers
        return try await Program.run(
            "/usr/bin/openssl",
            [
                "s_client", "-connect", "127.0.0.1:\(port)", "-servername", name, "-verify_hostname", name,
                "-CAfile", try await Certificates.path(authority), "-verify_return_error", "-ign_eof", "-nocommands",
            ] + more,
            input: head.joined(separator: "\r\n") + "\r\n\r\n")
    }
}
