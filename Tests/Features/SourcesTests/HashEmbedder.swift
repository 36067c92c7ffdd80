import Core
import Embedding
import Synchronization

@testable import Sources

/// Turns a text into a unit vector by its hash: the same text always into the same one. Also the provider of itself.
final class HashEmbedder: Embedder, EmbedderProvider {
    static let dimension = 8

    struct State {
        /// The texts of each call, in order.
        var calls: [[String]] = []
        /// More texts than this at a time do not fit.
        var mostTexts = Int.max
        /// Texts that fail, with the code they fail with.
        var failing: [String: EmbeddingError.Code] = [:]
        /// Texts whose vectors are longer than 1, with their length.
        var lengths: [String: Float] = [:]
        /// Runs inside the call, before it answers.
        var inside: (@Sendable ([String]) async -> Void)?
        /// The model cannot be had.
        var isMissing = false
    }

    private let state = Mutex(State())
    let space: Space
    let device = "test"

    init(space: String = "hash-1") {
        self.space = Space(id: space, dimension: Self.dimension)
    }

    var texts: [String] { state.withLock { $0.calls.flatMap { $0 } } }

    var calls: [[String]] { state.withLock { $0.calls } }

    func change(_ body: (inout sending State) -> Void) {
        state.withLock { body(&$0) }
    }

    func embedder(for model: String) async throws(EmbeddingError) -> any Embedder {
        if state.withLock({ $0.isMissing }) { throw EmbeddingError(.modelMissing, "no model \(model)") }
        return self
    }

    @concurrent func embed(_ texts: [String], urgency: Urgency) async throws(EmbeddingError) -> Embeddings {
        let (most, failing, inside) = state.withLock { state in
            state.calls.append(texts)
            return (state.mostTexts, state.failing, state.inside)
        }
        await inside?(texts)
        if texts.count > most { throw EmbeddingError(.outOfMemory, "\(texts.count) texts do not fit") }
        for text in texts {
            if let code = failing[text] { throw EmbeddingError(code, "\"\(text)\" cannot be embedded") }
        }
        return Embeddings(
            vectors: texts.flatMap(vector), dimension: Self.dimension, tokenCounts: texts.map { _ in 3 },
            isTruncated: texts.map { $0.utf8.count > 200 })
    }

    func vector(_ text: String) -> [Float] {
        let hash = inputHash(text, space: space.id)
        let numbers = hash.prefix(Self.dimension).map { Float($0) - 127.5 }
        let norm = numbers.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let length = state.withLock { $0.lengths[text] } ?? 1
        return numbers.map { $0 / norm * length }
    }
}
