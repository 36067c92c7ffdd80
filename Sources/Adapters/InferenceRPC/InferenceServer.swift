package import Embedding
import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import Secrets

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Serves `Inference.Embed` on a unix socket that only this user may open, or on TCP to whoever shows the token or a
/// certificate.
package struct InferenceServer: Sendable {
    /// The longest path that a unix socket may have.
    package static let longestPath = 107
    /// Calls on one connection at a time; a server sends few, and the model's own queue is bounded elsewhere.
    private static let streams = 64

    private let server: GRPCServer<HTTP2ServerTransport.Posix>
    private let path: String?

    /// - Parameters:
    ///   - token: asked for on TCP. It may be nil only where a certificate is asked for.
    ///   - embedder: the embedder of a model by its name.
    package init(
        _ listener: InferenceListener, token: Secret? = nil,
        embedder: @escaping @Sendable (String) async throws(EmbeddingError) -> any Embedder
    ) {
        let transport: HTTP2ServerTransport.Posix
        var interceptors: [any ServerInterceptor] = []
        switch listener {
        case .unix(let path):
            precondition(path.utf8.count <= Self.longestPath, "\(path) is too long for a unix socket")
            unlink(path)
            self.path = path
            transport = .http2NIOPosix(address: .unixDomainSocket(path: path), transportSecurity: .plaintext)
        case .tcp(let place, let tls):
            precondition(
                token != nil || tls?.authorities != nil, "TCP needs a token or certificates of those who call")
            path = nil
            interceptors += token.map { [TokenGuard(token: $0)] } ?? []
            transport = .http2NIOPosix(
                address: place.isIPv6
                    ? .ipv6(host: place.host, port: place.port)
                    : .ipv4(host: place.host == "localhost" ? "127.0.0.1" : place.host, port: place.port),
                transportSecurity: tls.flatMap { tls in tls.identity.map(tls.server) } ?? .plaintext,
                config: .defaults { config in
                    config.http2.maxConcurrentStreams = Self.streams
                    config.connection.maxIdleTime = .seconds(3600)
                    // What the client below sends, with room for a clock that runs fast.
                    config.connection.keepalive.clientBehavior = .init(
                        minPingIntervalWithoutCalls: .seconds(5), allowWithoutCalls: true)
                })
        }
        server = GRPCServer(
            transport: transport, services: [InferenceService(embedder: embedder)], interceptors: interceptors)
    }

    /// Serves until ``stop()``, then removes the socket.
    package func run() async throws {
        defer { if let path { unlink(path) } }
        try await server.serve()
    }

    /// Returns once calls are accepted. - Returns: the bound port; nil on a unix socket.
    @discardableResult package func waitUntilListening() async throws -> Int? {
        let address = try await server.listeningAddress
        if let path { chmod(path, 0o600) }
        return address?.ipv4?.port ?? address?.ipv6?.port
    }

    /// Lets running calls end and takes no more.
    package func stop() {
        server.beginGracefulShutdown()
    }
}
