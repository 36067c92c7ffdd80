import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

/// `GET /api/events`: the status as server-sent events (https://html.spec.whatwg.org/#server-sent-events).
struct EventRoutes {
    let feed: StatusFeed

    func add(to table: inout RouteTable) {
        table.get("/api/events", hasHead: false) { request, context in
            _ = try QueryParameters(request.uri.query, known: [])
            let channel = context.channel
            let subscription = try await feed.subscribe {
                // The writer below waits for its peer and sees nothing else: closing the connection wakes it.
                channel.close(promise: nil)
            }
            var headers = HTTPFields()
            headers[.contentType] = "text/event-stream"
            headers[.cacheControl] = "no-store"
            // A proxy that buffers would hold events back (nginx reads this one).
            headers[HTTPField.Name("X-Accel-Buffering")!] = "no"
            return Response(status: .ok, headers: headers, body: body(of: subscription, on: channel))
        }
    }

    private func body(of subscription: StatusFeed.Subscription, on channel: any Channel) -> ResponseBody {
        // An event is written only when there is one, so a peer that left would be noticed at the next heartbeat;
        // the closing of its connection is noticed at once.
        channel.closeFuture.whenComplete { _ in subscription.end() }
        return ResponseBody { writer in
            do {
                try await withGracefulShutdownHandler {
                    for await event in subscription.events {
                        try await writer.write(event)
                    }
                } onGracefulShutdown: {
                    subscription.end()
                }
            } catch {
                await feed.unsubscribe(subscription)
                throw error
            }
            await feed.unsubscribe(subscription)
            try await writer.finish(nil)
        }
    }
}
