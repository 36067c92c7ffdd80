import Embedding
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SwiftProtobuf
import Wire

/// Why a worker did not embed a query.
package struct InferenceError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable {
        /// No worker listens there any more.
        case unreachable
        /// The answer did not come before the deadline.
        case deadline
        /// The worker refused: unknown model, bad input, no memory.
        case refused
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

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
    private let connection: Task<Void, any Error>

    /// - Parameter path: of the worker's unix socket.
    package init(path: String) throws {
        let client = GRPCClient(
            transport: try .http2NIOPosix(
                target: .unixDomainSocket(path: path, authority: "localhost"), transportSecurity: .plaintext))
        self.client = client
        // The connection outlives the call that made it; close() ends it.
        connection = Task { try await client.runConnections() }
    }

    /// Embeds texts within `deadline`.
    package func embed(_ texts: [String], model: String, deadline: Duration) async throws(InferenceError) -> Reply {
        let request = Millrace_V1_EmbedRequest.with {
            $0.model = model
            $0.texts = texts
        }
        var options = CallOptions.defaults
        options.timeout = deadline
        options.waitForReady = true
        do {
            let reply = try await Millrace_V1_Inference.Client(wrapping: client).embed(request, options: options)
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
            case .deadlineExceeded: throw InferenceError(.deadline, "the worker did not answer within \(deadline)")
            case .unavailable, .cancelled:
                throw InferenceError(.unreachable, "the worker cannot be reached: \(error.message)")
            default: throw InferenceError(.refused, error.message)
            }
        } catch {
            throw InferenceError(.unreachable, "the worker cannot be reached: \(error)")
        }
    }

    /// Ends the connection; calls that run are let finish.
    package func close() {
        client.beginGracefulShutdown()
        connection.cancel()
    }
}
