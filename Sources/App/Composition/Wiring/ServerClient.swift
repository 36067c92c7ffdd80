import AsyncHTTPClient
import FoundationEssentials
import InferenceRPC
import NIOCore
import NIOHTTP1
import NIOSSL
import Secrets
import Serve

/// The running server as the command line calls it: on this machine, or where `MILLRACE_URL` says.
package struct ServerClient: Sendable {
    private let base: String
    private let token: Secret?
    private let configuration: HTTPClient.Configuration

    /// - Throws: ``Failure`` where the address is none, the token would travel readable, or a file cannot be read.
    package init(settings: Settings) throws {
        let address = try ServerAddress(settings)
        base = address.base
        token = try settings.token(.adminToken, orFile: .adminTokenFile)
        if token != nil, !address.isSecure, !address.isLoopback, !settings.allowsPlaintext {
            throw Failure(
                .config,
                "the admin token would travel readable to \(base): give an https:// address, or say MILLRACE_ALLOW_PLAINTEXT=1 where a tunnel encrypts"
            )
        }
        // A redirect would carry the token to wherever it leads.
        configuration = HTTPClient.Configuration(
            tlsConfiguration: try Self.tls(settings), redirectConfiguration: .disallow)
    }

    private static func tls(_ settings: Settings) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let authorities = settings.text(.serverAuthorities)?.absolutePath {
            try TLSFiles.checkAuthorities(authorities)
            tls.trustRoots = .file(authorities)
        }
        return tls
    }

    /// What `GET /api/search` answers.
    package struct SearchAnswer: Codable, Sendable {
        package struct Result: Codable, Sendable {
            package let key: String
            package let score: Double
            package let text: String
            package let collection: String
        }

        package let collection: String
        package let method: String
        package let tookMs: Double
        package let results: [Result]
    }

    private struct ErrorAnswer: Decodable {
        struct Problem: Decodable {
            let code: String
            let message: String
            let hint: String
        }

        let error: Problem
    }

    private struct SearchQuestion: Encodable {
        let text: String
        let k: Int
        let collection: String?
    }

    /// Searches by text.
    package func search(_ text: String, k: Int, collection: String?) async throws -> SearchAnswer {
        var request = HTTPClientRequest(url: base + "/api/search")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        let body = try JSONEncoder().encode(SearchQuestion(text: text, k: k, collection: collection))
        request.body = .bytes(ByteBuffer(bytes: body))
        let (response, data) = try await answer(to: request)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard response.status == .ok else {
            guard let problem = try? decoder.decode(ErrorAnswer.self, from: data).error else {
                throw Failure(
                    .unavailable,
                    "\(base) answered \(response.status.code), which is not Millrace's: is another program on that port?"
                )
            }
            throw Failure(Self.exit(response.status.code), "\(problem.message) (\(Self.hint(problem)))")
        }
        return try decoder.decode(SearchAnswer.self, from: data)
    }

    private static func exit(_ status: UInt) -> Failure.Exit {
        switch status {
        case 401: .noPermission
        case 429, 503: .temporary
        case ..<500: .usage
        default: .software
        }
    }

    /// What the server says to do, or what that means at a command line.
    private static func hint(_ problem: ErrorAnswer.Problem) -> String {
        problem.code == "unauthorized" ? "Set MILLRACE_ADMIN_TOKEN as the server has it." : problem.hint
    }

    private func answer(to request: HTTPClientRequest) async throws -> (HTTPClientResponse, Data) {
        var request = request
        if let token {
            request.headers.add(name: "Authorization", value: "Bearer \(token.reveal())")
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let response = try await client.execute(request, timeout: .seconds(30))
            let data = Data(buffer: try await response.body.collect(upTo: 64 << 20))
            try await client.shutdown()
            return (response, data)
        } catch {
            try? await client.shutdown()
            throw failure(error)
        }
    }

    private func failure(_ error: any Error) -> Failure {
        if let fault = TLSFault.words(error) {
            return Failure(
                .unavailable,
                "the server at \(base) cannot be believed: \(fault); name it in MILLRACE_URL as its certificate does, and in MILLRACE_CA the authority that vouches for it"
            )
        }
        return Failure(
            .unavailable, "no server answers at \(base): start one with millrace serve, or name its port with --port")
    }
}

/// The server's address out of the settings.
struct ServerAddress: Sendable {
    /// `https://name:port`, without a slash at the end.
    let base: String
    let isSecure: Bool
    let isLoopback: Bool

    init(_ settings: Settings) throws(Failure) {
        // A port on the command line says which server of this machine is meant.
        let isNamedByPort = settings.value(.port).origin == .flag && settings.value(.serverURL).origin != .flag
        let text = isNamedByPort ? settings.standard(.serverURL) : settings.value(.serverURL).value
        let base = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let scheme = ["http://", "https://"].first(where: { base.hasPrefix($0) }),
            let authority = Authority(String(base.dropFirst(scheme.count)))
        else {
            throw settings.bad(.serverURL, "http://HOST:PORT or https://HOST:PORT")
        }
        self.base = base
        isSecure = scheme == "https://"
        isLoopback = ServerSettings.isLoopback(authority.host)
    }
}

extension Data {
    fileprivate init(buffer: ByteBuffer) {
        self.init(buffer.readableBytesView)
    }
}
