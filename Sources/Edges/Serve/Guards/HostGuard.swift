import HTTPTypes
import Hummingbird
import NIOCore

/// Which values of the Host header belong to this server.
///
/// A page on the Internet can point its own name at 127.0.0.1 (DNS rebinding) and then reads local servers as its own
/// origin. Such a request bears the page's name as its host; refusing names that are not ours ends it.
package struct HostNames: Sendable, Equatable {
    /// Names that go with the bound port, or with none.
    private let names: Set<String>
    /// `name:port` pairs as configured: the outside of a proxy or of a container's port mapping.
    private let pairs: Set<String>

    package init(bound: String, configured: [String]) {
        var names: Set<String> = ["localhost", "127.0.0.1", "::1", bound.lowercased()]
        var pairs: Set<String> = []
        for entry in configured {
            guard let authority = Authority(entry) else { continue }
            if authority.port == nil {
                names.insert(authority.host)
            } else {
                pairs.insert(authority.text)
            }
        }
        self.names = names
        self.pairs = pairs
    }

    /// - Parameters:
    ///   - authority: The Host header.
    ///   - port: The port that the connection came in on.
    ///   - address: The address that it came in on: a name can be rebound, an address cannot.
    package func contains(_ authority: Authority, port: Int, address: String?) -> Bool {
        if pairs.contains(authority.text) {
            return true
        }
        guard authority.port == nil || authority.port == port else { return false }
        return names.contains(authority.host) || authority.host == address
    }
}

/// A host with an optional port, as in the Host header: `name`, `name:8000`, `[::1]:8000`.
package struct Authority: Sendable, Equatable {
    /// Lower case, an IPv6 address without its brackets.
    package let host: String
    package let port: Int?

    package init?(_ text: String) {
        var host = Substring(text.lowercased())
        var port: Substring?
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: end)...]
            host = host[..<end].dropFirst()
            if !rest.isEmpty {
                guard rest.first == ":" else { return nil }
                port = rest.dropFirst()
            }
        } else if let colon = host.firstIndex(of: ":") {
            port = host[host.index(after: colon)...]
            host = host[..<colon]
        }
        guard !host.isEmpty, !host.contains("/"), !host.contains("@") else { return nil }
        if let port {
            guard port.allSatisfy(\.isASCII), port.allSatisfy(\.isNumber), let number = UInt16(port) else { return nil }
            self.port = Int(number)
        } else {
            self.port = nil
        }
        self.host = String(host)
    }

    var text: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port.map { "\(name):\($0)" } ?? name
    }
}

/// Refuses requests that name a host which is not ours.
struct HostGuard: RouterMiddleware {
    let names: HostNames
    let isSecure: Bool

    func handle(
        _ request: Request, context: ServeContext, next: @concurrent (Request, ServeContext) async throws -> Response
    ) async throws -> Response {
        let local = context.channel.localAddress
        guard
            let authority = request.head.authority.flatMap({ Authority($0) }),
            names.contains(authority, port: local?.port ?? 0, address: local?.ipAddress)
        else {
            throw Refusal(
                .forbiddenHost, "This server does not answer to the host name in the request.",
                hint: "Open it as http\(isSecure ? "s" : "")://localhost:\(local?.port ?? 0), "
                    + "or add NAME[:PORT] to MILLRACE_ALLOWED_HOSTS.")
        }
        return try await next(request, context)
    }
}
