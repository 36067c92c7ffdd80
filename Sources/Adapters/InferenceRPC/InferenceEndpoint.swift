/// Where a worker answers queries, as the registry of workers spells it: `unix:PATH`, `tcp://HOST:PORT` or, with TLS,
/// `tls://HOST:PORT`.
package enum InferenceEndpoint: Hashable, Sendable, CustomStringConvertible {
    case unix(path: String)
    case tcp(HostPort)
    case tls(HostPort)

    /// nil where the text is none of the three.
    package init?(_ text: String) {
        if text.hasPrefix("unix:"), text.count > 5 {
            self = .unix(path: String(text.dropFirst(5)))
        } else if text.hasPrefix("tcp://"), let place = HostPort(text.dropFirst(6)) {
            self = .tcp(place)
        } else if text.hasPrefix("tls://"), let place = HostPort(text.dropFirst(6)) {
            self = .tls(place)
        } else {
            return nil
        }
    }

    package var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let place): "tcp://\(place)"
        case .tls(let place): "tls://\(place)"
        }
    }
}

/// A host and a port: `name:7700`, `192.0.2.7:7700`, `[2001:db8::7]:7700`.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// Without brackets.
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// nil where the host or the port is missing or no such thing.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.allSatisfy({ $0.isASCII && !" /@[]".contains($0) }) else { return nil }
        self.init(host: host, port: Int(port))
    }

    package var isIPv6: Bool { host.contains(":") }

    /// Four numbers of a byte each.
    package var isIPv4: Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Whether only this machine reaches it.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || isIPv4 && host.hasPrefix("127.")
    }

    /// Whether it stands for all addresses of a machine: good to listen on, and no place to call.
    package var isWildcard: Bool {
        host == "0.0.0.0" || host == "::"
    }

    package var description: String {
        "\(isIPv6 ? "[\(host)]" : host):\(port)"
    }
}

/// The files of one side of a TLS connection, all in PEM form.
package struct InferenceTLS: Sendable, Hashable {
    /// What this side shows; a worker must have it, a server only where workers ask for it.
    package struct Identity: Sendable, Hashable {
        package let certificate: String
        package let key: String

        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    package var identity: Identity?
    /// Who may vouch for the other side. nil on a worker asks servers for no certificate; nil on a server trusts those
    /// whom the system trusts.
    package var authorities: String?

    package init(identity: Identity? = nil, authorities: String? = nil) {
        self.identity = identity
        self.authorities = authorities
    }
}
