package import Secrets

/// What the HTTP server needs to be told; everything has a default.
package struct ServerSettings: Sendable {
    /// The address to bind.
    package var host: String
    /// 0 takes any free port; ``HTTPServer`` tells which.
    package var port: Int
    /// Further values of the Host header to accept, as `name` or `name:port`; without a port, the bound port or none.
    package var allowedHosts: [String]
    /// What every route but the open ones asks for; nil lets everyone in who can reach the server.
    package var adminToken: Secret?
    /// nil serves HTTP, else HTTPS and nothing beside it.
    package var tls: TLSFiles?
    /// Whether an address that other machines can reach may be bound without TLS.
    package var allowsPlaintext = false
    /// Whether such an address may be bound without a token, and without TLS too.
    package var allowsOpenBind: Bool
    package var limits: Limits

    /// The bounds on what one client can make the server hold.
    package struct Limits: Sendable {
        /// The largest JSON body.
        package var bodyBytes = 1 << 20
        /// A body has this long to arrive completely.
        package var bodySeconds: Int64 = 30
        /// A connection that sends nothing, or is slow to send its head, is closed after this time.
        package var idleSeconds: Int64 = 60
        /// A connection that reads nothing of what was written is closed after this time.
        package var stalledSeconds: Int64 = 60
        package var connections = 1024
        /// Streams of `/api/events` at one time.
        package var subscribers = 128
        /// Events kept for one subscriber that reads slower than they come; it is closed at the next.
        package var bufferedEvents = 16

        package init() {}
    }

    package init(
        host: String = "127.0.0.1", port: Int = 8000, allowedHosts: [String] = [], allowsOpenBind: Bool = false,
        limits: Limits = Limits()
    ) {
        self.host = host
        self.port = port
        self.allowedHosts = allowedHosts
        self.allowsOpenBind = allowsOpenBind
        self.limits = limits
    }

    /// Whether only this machine can reach ``host``.
    package var isLoopback: Bool {
        Self.isLoopback(host)
    }

    /// `localhost`, `::1` or an address of 127.0.0.0/8; a name that only begins like one is none.
    package static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return host == "localhost" || host == "::1"
            || (parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil })
    }

    /// Why ``host`` must not be bound as things are; nil where it may.
    package var exposure: ServeError? {
        if isLoopback || allowsOpenBind { return nil }
        if adminToken == nil { return .openBind(host) }
        return tls == nil && !allowsPlaintext ? .plaintextBind(host) : nil
    }
}
