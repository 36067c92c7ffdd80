import Foundation
import Logging
import Serve
import ServiceLifecycle

/// A server on a free port of this machine, for the length of one test.
struct RunningServer: Sendable {
    let port: Int
    /// Stops it as SIGTERM does.
    let stop: @Sendable () async -> Void

    /// Sends one request and reads the answer to its end.
    /// - Parameter headers: In place of the usual Host and Content-Type where they are named.
    func ask(
        _ method: String, _ path: String, _ headers: [String: String] = [:], body: String? = nil
    ) async throws -> Wire.Answer {
        var fields = ["Host": "localhost:\(port)", "Connection": "close"]
        if let body {
            fields["Content-Type"] = "application/json"
            fields["Content-Length"] = String(body.utf8.count)
        }
        fields.merge(headers) { _, given in given }
        let head = fields.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }.sorted().joined()
        let wire = try Wire(port: port)
        wire.send("\(method) \(path) HTTP/1.1\r\n\(head)\r\n\(body ?? "")")
        return try Wire.Answer(raw: await wire.readToEnd())
    }

    func get(_ path: String, _ headers: [String: String] = [:]) async throws -> Wire.Answer {
        try await ask("GET", path, headers)
    }

    func post(_ path: String, _ body: String, _ headers: [String: String] = [:]) async throws -> Wire.Answer {
        try await ask("POST", path, headers, body: body)
    }
}

/// Runs `body` against a server of its own, which is stopped gracefully afterwards.
func withServer<Value: Sendable>(
    _ backend: FakeBackend = FakeBackend(), settings: ServerSettings = ServerSettings(port: 0), feed: StatusFeed? = nil,
    _ body: @Sendable (RunningServer) async throws -> Value
) async throws -> Value {
    let (ports, port) = AsyncStream<Int>.makeStream()
    var logger = Logger(label: "serve.tests")
    logger.logLevel = .critical
    let server = HTTPServer(settings: settings, backend: backend, feed: feed, logger: logger) {
        port.yield($0)
        port.finish()
    }
    let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { port.finish() }
            try await group.run()
        }
        guard let bound = await ports.first(where: { _ in true }) else {
            try await tasks.waitForAll()
            throw Wire.Closed()
        }
        let value: Value
        do {
            value = try await body(RunningServer(port: bound) { await group.triggerGracefulShutdown() })
        } catch {
            await group.triggerGracefulShutdown()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
        return value
    }
}
