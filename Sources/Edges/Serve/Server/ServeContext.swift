import Hummingbird
import NIOCore

/// What a request carries through the middlewares: its connection and the limits.
struct ServeContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    var limits = ServerSettings.Limits()
    /// Whether details may be told: the asker has shown the token, or none is set.
    var isTrusted = true

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Closes the connection in a moment: time enough for the client to read the answer.
    func closeSoon() {
        let channel = channel
        channel.eventLoop.scheduleTask(in: .seconds(1)) {
            channel.close(promise: nil)
        }
    }

    /// Reads a whole body of at most `limit` bytes, ``ServerSettings/Limits/bodyBytes`` unless said otherwise; the
    /// connection is closed if it does not arrive within ``ServerSettings/Limits/bodySeconds``.
    func body(of request: Request, limit: Int? = nil) async throws -> ByteBuffer {
        let limit = limit ?? limits.bodyBytes
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
            throw Refusal.bodyTooLarge(limit: limit)
        }
        let channel = channel
        let deadline = channel.eventLoop.scheduleTask(in: .seconds(limits.bodySeconds)) {
            channel.close(promise: nil)
        }
        defer { deadline.cancel() }
        return try await request.body.collect(upTo: limit)
    }
}
