package import Embedding
import GRPCCore
import GRPCNIOTransportHTTP2Posix

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Serves `Inference.Embed` on a unix socket that only this user may open.
package struct InferenceServer: Sendable {
    /// The longest path that a unix socket may have.
    package static let longestPath = 107

    private let server: GRPCServer<HTTP2ServerTransport.Posix>
    private let path: String

    /// - Parameters:
    ///   - path: of the socket, at most ``longestPath`` bytes; what lies there is replaced.
    ///   - embedder: the embedder of a model by its name.
    package init(
        path: String, embedder: @escaping @Sendable (String) async throws(EmbeddingError) -> any Embedder
    ) {
        precondition(path.utf8.count <= Self.longestPath, "\(path) is too long for a unix socket")
        self.path = path
        unlink(path)
        server = GRPCServer(
            transport: .http2NIOPosix(address: .unixDomainSocket(path: path), transportSecurity: .plaintext),
            services: [InferenceService(embedder: embedder)])
    }

    /// Serves until ``stop()``, then removes the socket.
    package func run() async throws {
        defer { unlink(path) }
        try await server.serve()
    }

    /// Returns once calls are accepted.
    package func waitUntilListening() async throws {
        _ = try await server.listeningAddress
        chmod(path, 0o600)
    }

    /// Lets running calls end and takes no more.
    package func stop() {
        server.beginGracefulShutdown()
    }
}
