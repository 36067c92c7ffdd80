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
        if let exposure = settings.exposure {
            throw exposure
        }
        let certificate = try settings.tls.map { files throws(ServeError) in
            try ServerCertificate(files, logger: logger)
        }
        do {
            try await application(certificate).run()
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

    private func application(_ certificate: ServerCertificate?) -> some ApplicationProtocol {
        let limits = settings.limits
        let configuration = HTTP1Channel.Configuration(
            additionalChannelHandlers: [StalledWrites(patience: .seconds(limits.stalledSeconds))],
            idleTimeout: .seconds(limits.idleSeconds),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 100))
        let server = HTTPServerBuilder { responder in
            let base = HTTP1Channel(responder: responder, configuration: configuration)
            guard let certificate else { return base }
            return SecureHTTP1Channel(base: base, certificate: certificate)
        }
        let onBound = onBound
        return Application(
            responder: routes().responder(),
            server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port),
                availableConnectionsDelegate: .maximum(limits.connections, logger: logger)),
            services: [feed] + (certificate.map { [$0] } ?? []),
            onServerRunning: { channel in
                await onBound(channel.localAddress?.port ?? 0)
            },
            logger: logger)
    }

    /// Every route behind every guard.
    func routes() -> RouteTable {
        let measurements = RequestMeasurements()
        let keeper = settings.adminToken.map { AccessKeeper(token: $0) }
        let isSecure = settings.tls != nil
        var table = RouteTable(middlewares: [
            MeasureRequests(measurements: measurements, limits: settings.limits),
            SecurityHeaders(isSecure: isSecure),
            Refusals(),
            HostGuard(
                names: HostNames(bound: settings.host, configured: settings.allowedHosts), isSecure: isSecure),
            OriginGuard(),
            AccessGuard(keeper: keeper),
        ])
        SessionRoutes(keeper: keeper, isSecure: isSecure).add(to: &table)
        HealthRoutes(backend: backend, measurements: measurements).add(to: &table)
        SearchRoutes(backend: backend).add(to: &table)
        JobsRoutes(backend: backend).add(to: &table)
        EventRoutes(feed: feed).add(to: &table)
        OpenAIRoutes(backend: backend).add(to: &table)
        PageRoutes().add(to: &table)
        return table
    }
}
