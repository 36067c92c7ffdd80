import Foundation
import Logging
import NIOCore
import Testing

@testable import Serve

@Suite struct EventTests {
    /// A feed that looks only when it is told to: its own loop waits for ever.
    private func feed(_ backend: FakeBackend, limits: ServerSettings.Limits = .init()) -> StatusFeed {
        StatusFeed(backend: backend, limits: limits, logger: Logger(label: "feed")) {
            for await _ in AsyncStream<Never>.makeStream().stream {}
        }
    }

    private func open(_ server: RunningServer) async throws -> Wire {
        let wire = try Wire(port: server.port)
        wire.send("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let head = try await wire.read(through: "\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 200"))
        #expect(head.lowercased().contains("content-type: text/event-stream"))
        _ = try await wire.read(through: "retry: 2000\n\n")
        return wire
    }

    @Test func `a subscriber is told the status at once and then each change, and nothing twice`() async throws {
        let backend = FakeBackend.workshop()
        let feed = feed(backend)
        try await withServer(backend, feed: feed) { (server) async throws in
            let wire = try await open(server)
            let first = try await wire.read(through: "\n\n")
            #expect(first.contains("event: status\ndata: {"))
            #expect(first.contains(#""available":12412"#))
            await feed.look()
            await feed.look()
            backend.change { $0.status.jobs.available = 99 }
            await feed.look()
            #expect(try await wire.read(through: "\n\n").contains(#""available":99"#))
        }
    }

    @Test func `two subscribers cost one look`() async throws {
        let backend = FakeBackend.workshop()
        let feed = feed(backend)
        try await withServer(backend, feed: feed) { (server) async throws in
            let wires = [try await open(server), try await open(server)]
            for wire in wires {
                _ = try await wire.read(through: "\n\n")
            }
            let before = backend.snapshot.statusCalls
            backend.change { $0.status.jobs.running = 1 }
            await feed.look()
            for wire in wires {
                #expect(try await wire.read(through: "\n\n").contains(#""running":1,"#))
            }
            #expect(backend.snapshot.statusCalls == before + 1)
        }
    }

    @Test func `without a subscriber the backend is not asked`() async {
        let backend = FakeBackend.workshop()
        await feed(backend).look()
        #expect(backend.snapshot.statusCalls == 0)
    }

    @Test func `a quiet stream shows that it lives`() async throws {
        let backend = FakeBackend.workshop()
        let feed = feed(backend)
        let subscription = try await feed.subscribe {}
        for _ in 0..<StatusFeed.looksPerHeartbeat {
            await feed.look()
        }
        await feed.unsubscribe(subscription)
        var events: [String] = []
        for await event in subscription.events {
            events.append(String(buffer: event))
        }
        #expect(events.count == 3)
        #expect(events.first == "retry: 2000\n\n")
        #expect(events.last == ": alive\n\n")
    }

    @Test func `trouble of the backend is an event of its own`() async throws {
        let backend = FakeBackend.workshop()
        let feed = feed(backend)
        let subscription = try await feed.subscribe {}
        backend.change { $0.failure = BackendError(.unavailable, "The database is locked.", hint: "Wait.") }
        await feed.look()
        await feed.unsubscribe(subscription)
        var last = ""
        for await event in subscription.events {
            last = String(buffer: event)
        }
        #expect(last.hasPrefix("event: problem\ndata: {\"error\":{\"code\":\"unavailable\""))
    }

    @Test func `a subscriber that does not read is closed and the others go on`() async throws {
        let backend = FakeBackend.workshop()
        // Events large enough that the system's buffers are full after a few.
        backend.change { $0.status.version = String(repeating: "v", count: 1 << 19) }
        let feed = feed(backend)
        try await withServer(backend, feed: feed) { (server) async throws in
            let reader = try await open(server)
            _ = try await reader.read(through: "\n\n")
            let sleeper = try Wire(port: server.port)
            sleeper.send("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            _ = try await sleeper.read(through: "event: status")
            #expect(await feed.subscriberCount == 2)
            var rounds = 0
            while await feed.subscriberCount == 2, rounds < 200 {
                rounds += 1
                backend.change { $0.status.jobs.available = rounds }
                await feed.look()
                // The reader keeps step, so that only the sleeper falls behind.
                #expect(try await reader.read(through: "\n\n").contains(#""available":\#(rounds),"#))
            }
            #expect(await feed.subscriberCount == 1)
            // The connection is gone: its end is reached.
            _ = await sleeper.readToEnd()
            backend.change { $0.status.jobs.available = -1 }
            await feed.look()
            #expect(try await reader.read(through: "\n\n").contains(#""available":-1,"#))
        }
    }

    @Test func `a stream over the limit is refused with the time after which to ask again`() async throws {
        let backend = FakeBackend.workshop()
        var settings = ServerSettings(port: 0)
        settings.limits.subscribers = 1
        let feed = feed(backend, limits: settings.limits)
        try await withServer(backend, settings: settings, feed: feed) { (server) async throws in
            let wire = try await open(server)
            let refused = try await server.get("/api/events")
            #expect(refused.status == 503)
            #expect(refused.headers["retry-after"] == "10")
            _ = wire
        }
    }

    @Test func `a shutdown ends the streams`() async throws {
        let backend = FakeBackend.workshop()
        try await withServer(backend, feed: feed(backend)) { (server) async throws in
            let wire = try await open(server)
            await server.stop()
            let rest = String(decoding: await wire.readToEnd(), as: UTF8.self)
            #expect(rest.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test func `a subscriber that leaves is forgotten`() async throws {
        let backend = FakeBackend.workshop()
        let feed = feed(backend)
        try await withServer(backend, feed: feed) { (server) async throws in
            let subscription = try await feed.subscribe {}
            #expect(await feed.subscriberCount == 1)
            await feed.unsubscribe(subscription)
            #expect(await feed.subscriberCount == 0)
            _ = server
        }
    }
}
