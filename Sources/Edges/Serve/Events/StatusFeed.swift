package import Logging
import NIOCore
import ServiceLifecycle

/// One look at the backend a second, told to every subscriber of `/api/events`.
///
/// Each subscriber has a bounded buffer; one that reads slower than events come is closed, and its browser connects
/// again. While there is no subscriber the backend is not asked.
package actor StatusFeed: Service {
    /// One open stream.
    package struct Subscription: Sendable {
        let id: Int
        let events: AsyncStream<ByteBuffer>
        let end: @Sendable () -> Void
    }

    /// A comment after this many looks, so that proxies and browsers see that the stream lives.
    static let looksPerHeartbeat = 15

    private let backend: any Backend
    private let limits: ServerSettings.Limits
    private let logger: Logger
    private let pause: @Sendable () async throws -> Void

    private var streams: [Int: (continuation: AsyncStream<ByteBuffer>.Continuation, close: @Sendable () -> Void)] = [:]
    private var nextID = 0
    private var looks = 0
    /// What every subscriber was told last; nil while nobody listens.
    private var last: ByteBuffer?

    /// - Parameter pause: What lies between two looks: a second, or what a test decides.
    package init(
        backend: any Backend, limits: ServerSettings.Limits = .init(), logger: Logger,
        pause: @escaping @Sendable () async throws -> Void = { try await Task.sleep(for: .seconds(1)) }
    ) {
        self.backend = backend
        self.limits = limits
        self.logger = logger
        self.pause = pause
    }

    package var subscriberCount: Int {
        streams.count
    }

    /// Looks until the service is shut down.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await self.pause()
                } catch {
                    return
                }
                await self.look()
            }
        }
    }

    /// Opens a stream, which begins with the reconnection time and the present status.
    /// - Parameter close: Called when the subscriber is too slow; it must end the connection.
    package func subscribe(close: @escaping @Sendable () -> Void) async throws(Refusal) -> Subscription {
        guard streams.count < limits.subscribers else {
            throw Refusal(
                .tooManySubscribers, "There are \(limits.subscribers) event streams open already.",
                hint: "Close some of the pages, or ask /api/status instead.", retryAfterSeconds: 10)
        }
        let (events, continuation) = AsyncStream<ByteBuffer>.makeStream(
            bufferingPolicy: .bufferingOldest(limits.bufferedEvents))
        let id = nextID
        nextID += 1
        streams[id] = (continuation, close)
        continuation.yield(ByteBuffer(string: "retry: 2000\n\n"))
        if let last {
            continuation.yield(last)
        } else {
            await look()
        }
        return Subscription(id: id, events: events) { continuation.finish() }
    }

    /// Forgets a stream that has ended.
    package func unsubscribe(_ subscription: Subscription) {
        subscription.end()
        streams[subscription.id] = nil
        if streams.isEmpty {
            last = nil
        }
    }

    /// Asks the backend once, and tells everyone if the answer is new.
    package func look() async {
        guard !streams.isEmpty else { return }
        let event = await event()
        looks += 1
        if event != last {
            last = event
            tell(event)
        } else if looks % Self.looksPerHeartbeat == 0 {
            tell(ByteBuffer(string: ": alive\n\n"))
        }
    }

    private func tell(_ event: ByteBuffer) {
        for (id, stream) in streams {
            if case .dropped = stream.continuation.yield(event) {
                stream.continuation.finish()
                streams[id] = nil
                stream.close()
                logger.info("closed a slow event stream", metadata: ["subscribers": "\(streams.count)"])
            }
        }
    }

    /// `status` with the status, or `problem` with the error object while the backend does not answer.
    private func event() async -> ByteBuffer {
        do {
            return Self.event("status", try Answer.bytes(try await backend.status()))
        } catch let error as BackendError {
            let problem = try? Answer.bytes(Problem(Refusal(error)))
            return Self.event("problem", problem ?? ByteBuffer(string: "{}"))
        } catch {
            logger.error("the status cannot be written as JSON", metadata: ["error": "\(error)"])
            return Self.event("problem", ByteBuffer(string: "{}"))
        }
    }

    /// JSON has no line breaks outside its strings, and inside they are escaped: one `data` line is enough.
    private static func event(_ name: String, _ data: ByteBuffer) -> ByteBuffer {
        var event = ByteBuffer(string: "event: \(name)\ndata: ")
        event.writeImmutableBuffer(data)
        event.writeString("\n\n")
        return event
    }
}
