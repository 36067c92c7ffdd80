import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The HTTP server: API, events, metrics and the page.
///
/// A graceful shutdown stops accepting, ends the event streams, lets requests in hand finish, and returns.
package struct HTTPServer: Service {
    private let settings: ServerSettings
    private let backend: any Backend
    private let feed: StatusFeed
    private let logger: Logger
    private let onBound: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - feed: For tests that decide when it looks; by default one that looks each second.
    ///   - onBound: Told the bound port once, when connections are accepted.
    package init(
        settings: ServerSettings, backend: any Backend, feed: StatusFeed? = nil, logger: Logger,
        onBound: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.settings = settings
        self.backend = backend
        self.feed = feed ?? StatusFeed(backend: backend, limits: settings.limits, logger: logger)
        self.logger = logger
        self.onBound = onBound
    }

    /// Serves until the service is shut down.
    /// - Throws: ``ServeError`` where the address cannot be bound.
    package func run() async throws {
        guard settings.isLoopback || settings.allowsOpenBind else {
            throw ServeError.openBind(settings.host)
        }
        do {
            try await application().run()
        } catch let error as IOError {
            switch error.errnoCode {
            case EADDRINUSE: throw ServeError.portInUse(settings.port)
            case EACCES: throw ServeError.portRefused(settings.port)
            case EADDRNOTAVAIL: throw ServeError.addressUnavailable(settings.host)
            default:
                throw ServeError(.other, "cannot listen on \(settings.host) port \(settings.port): \(error)")
            }
        }
    }

    private func application() -> some ApplicationProtocol {
        let limits = settings.limits
        let server = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [StalledWrites(patience: .seconds(limits.stalledSeconds))],
                idleTimeout: .seconds(limits.idleSeconds),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 100)))
        let onBound = onBound
        return Application(
            responder: responder(),
            server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port),
                availableConnectionsDelegate: .maximum(limits.connections, logger: logger)),
            services: [feed],
            onServerRunning: { channel in
                await onBound(channel.localAddress?.port ?? 0)
            },
            logger: logger)
    }

    private func responder() -> some HTTPResponder<ServeContext> {
        let measurements = RequestMeasurements()
        var table = RouteTable(middlewares: [
            MeasureRequests(measurements: measurements, limits: settings.limits),
            SecurityHeaders(),
            Refusals(),
            HostGuard(names: HostNames(bound: settings.host, configured: settings.allowedHosts)),
            OriginGuard(),
        ])
        HealthRoutes(backend: backend, measurements: measurements).add(to: &table)
        SearchRoutes(backend: backend).add(to: &table)
        JobsRoutes(backend: backend).add(to: &table)
        EventRoutes(feed: feed).add(to: &table)
        OpenAIRoutes(backend: backend).add(to: &table)
        PageRoutes().add(to: &table)
        return table.responder()
    }
}
