import Embedding
import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import Secrets
import SwiftProtobuf
import Wire

/// Why a worker did not embed a query.
package struct InferenceError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable {
        /// No worker listens there any more.
        case unreachable
        /// The answer did not come before the deadline.
        case deadline
        /// The worker does not accept this server: another token.
        case unauthorized
        /// The worker answered with vectors of another space than the model's here.
        case otherSpace
        /// The worker refused: unknown model, bad input, no memory.
        case refused
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether another worker may answer the same question.
    package var isRetryable: Bool { code != .refused }

    package var description: String { message }
}

/// One worker's `Inference.Embed`, as the server calls it. The connection is kept.
package final class InferenceClient: Sendable {
    /// What a worker answered.
    package struct Reply: Sendable {
        package let space: String
        package let dimension: Int
        /// rows × dimension floats, row-major, unit length.
        package let vectors: [Float]
        package let tokenCounts: [Int]
    }

    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    private let metadata: Metadata

    /// - Parameters:
    ///   - token: what a worker on TCP asks for; it is not sent over a unix socket.
    ///   - tls: the files for a worker that speaks TLS.
    /// - Throws: where a file of `tls` cannot be read.
    package init(_ endpoint: InferenceEndpoint, token: Secret? = nil, tls: InferenceTLS? = nil) throws {
        let transport: HTTP2ClientTransport.Posix
        switch endpoint {
        case .unix(let path):
            transport = try .http2NIOPosix(
                target: .unixDomainSocket(path: path, authority: "localhost"), transportSecurity: .plaintext)
        case .tcp(let place):
            transport = try Self.transport(to: place, .plaintext)
        case .tls(let place):
            transport = try Self.transport(to: place, (tls ?? InferenceTLS()).client)
        }
        if case .unix = endpoint { metadata = [:] } else { metadata = token.map(TokenMetadata.metadata) ?? [:] }
        let client = GRPCClient(transport: transport)
        self.client = client
        // The connection outlives the call that made it; close() ends it.
        Task { try await client.runConnections() }
    }

    private static func transport(
        to place: HostPort, _ security: HTTP2ClientTransport.Posix.TransportSecurity
    ) throws -> HTTP2ClientTransport.Posix {
        let config = HTTP2ClientTransport.Posix.Config.defaults { config in
            // A machine that vanished says nothing: this finds out.
            config.connection.keepalive = .init(
                time: .seconds(10), timeout: .seconds(5), allowWithoutCalls: true)
            config.backoff.max = .seconds(5)
        }
        // Only a name is looked up; for an address, TLS checks that the certificate is for that address.
        if place.isIPv4 {
            return try .http2NIOPosix(
                target: .ipv4(address: place.host, port: place.port), transportSecurity: security, config: config)
        }
        if place.isIPv6 {
            return try .http2NIOPosix(
                target: .ipv6(address: place.host, port: place.port), transportSecurity: security, config: config)
        }
        return try .http2NIOPosix(
            target: .dns(host: place.host, port: place.port), transportSecurity: security, config: config)
    }

    /// Embeds texts within `deadline`.
    package func embed(_ texts: [String], model: String, deadline: Duration) async throws(InferenceError) -> Reply {
        let request = Millrace_V1_EmbedRequest.with {
            $0.model = model
            $0.texts = texts
        }
        var options = CallOptions.defaults
        options.timeout = deadline
        // While it connects the call waits; where it cannot, the next worker is asked at once.
        options.waitForReady = false
        do {
            let reply = try await Millrace_V1_Inference.Client(wrapping: client).embed(
                request, metadata: metadata, options: options)
            guard reply.vectors.count == texts.count * Int(reply.dimension) else {
                throw InferenceError(
                    .refused, "the worker answered \(reply.vectors.count) numbers for \(texts.count) texts")
            }
            return Reply(
                space: reply.space, dimension: Int(reply.dimension), vectors: reply.vectors,
                tokenCounts: reply.tokenCounts.map(Int.init))
        } catch let error as InferenceError {
            throw error
        } catch let error as RPCError {
            switch error.code {
            case .unauthenticated, .permissionDenied: throw InferenceError(.unauthorized, error.message)
            case .deadlineExceeded: throw InferenceError(.deadline, "the worker did not answer within \(deadline)")
            case .unavailable, .cancelled:
                throw InferenceError(.unreachable, "the worker cannot be reached: \(Self.cause(error))")
            default: throw InferenceError(.refused, error.message)
            }
        } catch {
            throw InferenceError(.unreachable, "the worker cannot be reached: \(error)")
        }
    }

    /// What lies beneath: a refused connection, a certificate that does not convince.
    private static func cause(_ error: RPCError) -> String {
        var error = error
        while let deeper = error.cause as? RPCError { error = deeper }
        guard let cause = error.cause else { return error.message }
        return TLSFault.words(cause) ?? "\(error.message) (\(cause))"
    }

    /// Ends the connection when the calls that run have ended, at their deadline at the latest.
    package func close() {
        client.beginGracefulShutdown()
    }
}
