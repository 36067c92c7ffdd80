import Embedding
import GRPCCore
import SwiftProtobuf
import Wire

/// `Inference.Embed` on a worker: answers a server's queries ahead of the bulk work.
struct InferenceService: Millrace_V1_Inference.SimpleServiceProtocol {
    /// The most texts that one call may carry.
    static let maximumTexts = 256

    let embedder: @Sendable (String) async throws(EmbeddingError) -> any Embedder

    func embed(
        request: Millrace_V1_EmbedRequest, context: ServerContext
    ) async throws -> Millrace_V1_EmbedReply {
        guard (1...Self.maximumTexts).contains(request.texts.count) else {
            throw RPCError(
                code: .invalidArgument,
                message: "a call carries 1 to \(Self.maximumTexts) texts, not \(request.texts.count)")
        }
        do throws(EmbeddingError) {
            let embedder = try await embedder(request.model)
            let embeddings = try await embedder.embed(request.texts, urgency: .interactive)
            return .with { reply in
                reply.space = embedder.space.id
                reply.dimension = Int32(embeddings.dimension)
                reply.vectors = embeddings.vectors
                reply.tokenCounts = embeddings.tokenCounts
                reply.truncated = embeddings.isTruncated
            }
        } catch {
            throw RPCError(code: Self.status(error.code), message: error.message)
        }
    }

    private static func status(_ code: EmbeddingError.Code) -> RPCError.Code {
        switch code {
        case .outOfMemory: .resourceExhausted
        case .modelMissing: .notFound
        case .runtimeMissing, .modelCorrupt, .deviceUnavailable: .failedPrecondition
        case .cancelled: .cancelled
        case .badInput: .invalidArgument
        case .runtimeFailure: .internalError
        }
    }
}
