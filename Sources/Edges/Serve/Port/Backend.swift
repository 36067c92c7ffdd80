/// What the server asks of the rest of Millrace. The server knows no feature: Composition answers these calls from the
/// stores, the index and the workers, and tests answer them from memory.
///
/// Calls come from many requests at once. None may block a thread; each ends when its task is cancelled.
package protocol Backend: Sendable {
    /// Everything the overview shows, at one moment. Asked at most once a second for all subscribers together.
    func status() async throws(BackendError) -> Status

    /// One page of jobs, ordered so that `cursor` can continue after the last one.
    func jobs(_ query: JobsQuery) async throws(BackendError) -> JobsPage

    /// Makes dead and held jobs available again.
    /// - Returns: How many jobs were made available.
    func retry(_ selection: RetrySelection) async throws(BackendError) -> Int

    /// The nearest items, best first.
    func search(_ request: SearchRequest) async throws(BackendError) -> SearchAnswer

    /// Embeds `texts`, in their order, with a model served here.
    func embed(_ texts: [String], model: String) async throws(BackendError) -> Embeddings

    /// The models that ``embed(_:model:)`` accepts.
    func models() async throws(BackendError) -> [Model]

    /// Why requests should not be sent here yet, a sentence each; empty when ready.
    func readiness() async -> [String]

    /// The product's own metrics, without those of the HTTP server.
    func metrics() async throws(BackendError) -> [Metric]
}
