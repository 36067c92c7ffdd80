import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Secrets

/// What a worker listens on.
package enum InferenceListener: Sendable {
    /// A socket that only this user may open; what lies at the path is replaced.
    case unix(path: String)
    /// An address; without TLS only where it cannot be overheard.
    case tcp(HostPort, InferenceTLS?)
}

extension InferenceTLS {
    /// As a worker, which has a certificate and asks for one where it knows who may vouch for servers.
    func server(_ identity: Identity) -> HTTP2ServerTransport.Posix.TransportSecurity {
        let chain = [TLSConfig.CertificateSource.file(path: identity.certificate, format: .pem)]
        let key = TLSConfig.PrivateKeySource.file(path: identity.key, format: .pem)
        guard let authorities else { return .tls(certificateChain: chain, privateKey: key) }
        return .mTLS(certificateChain: chain, privateKey: key) { tls in
            tls.trustRoots = .certificates([.file(path: authorities, format: .pem)])
        }
    }

    /// As a server that calls workers: it always checks the worker's name.
    var client: HTTP2ClientTransport.Posix.TransportSecurity {
        .tls { tls in
            if let identity {
                tls.certificateChain = [.file(path: identity.certificate, format: .pem)]
                tls.privateKey = .file(path: identity.key, format: .pem)
            }
            if let authorities {
                tls.trustRoots = .certificates([.file(path: authorities, format: .pem)])
            }
        }
    }
}

/// The token in a call's metadata, as HTTP spells it.
enum TokenMetadata {
    static let key = "authorization"
    static let scheme = "Bearer "

    static func metadata(_ token: Secret) -> Metadata {
        [key: "\(scheme)\(token.reveal())"]
    }
}

/// Refuses calls without the shared token before their message is read.
struct TokenGuard: ServerInterceptor {
    let token: Secret

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next:
            @Sendable @concurrent (StreamingServerRequest<Input>, ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let isRight = request.metadata[stringValues: TokenMetadata.key].contains { value in
            value.hasPrefix(TokenMetadata.scheme) && token.matches(value.dropFirst(TokenMetadata.scheme.count))
        }
        guard isRight else {
            throw RPCError(
                code: .unauthenticated,
                message: "the worker asks for another token: set the same MILLRACE_INFERENCE_TOKEN on both sides")
        }
        return try await next(request, context)
    }
}
