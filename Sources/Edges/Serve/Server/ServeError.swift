/// Why the server could not start.
package struct ServeError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// Another program listens there.
        case portInUse
        /// The system keeps the port for privileged programs.
        case portRefused
        /// This machine has not the address.
        case addressUnavailable
        /// Other machines could reach it, without TLS or without a token.
        case openBind
        /// A file that TLS needs is not what it must be.
        case badFile
        case other
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// None is mended by trying again unchanged.
    package var isRetryable: Bool {
        false
    }

    package var description: String {
        message
    }

    static func portInUse(_ port: Int) -> ServeError {
        ServeError(
            .portInUse, "port \(port) is in use: stop the other program or choose another with --port")
    }

    static func portRefused(_ port: Int) -> ServeError {
        ServeError(.portRefused, "port \(port) needs privileges: choose one above 1023 with --port")
    }

    static func addressUnavailable(_ host: String) -> ServeError {
        ServeError(.addressUnavailable, "this machine has no address \(host): choose another with --host")
    }

    static func openBind(_ host: String) -> ServeError {
        ServeError(
            .openBind,
            "\(host) can be reached by other machines, and no token is asked for: set MILLRACE_ADMIN_TOKEN, bind 127.0.0.1, or say --allow-open"
        )
    }

    static func plaintextBind(_ host: String) -> ServeError {
        ServeError(
            .openBind,
            "\(host) can be reached by other machines, and without TLS the token travels readable: set MILLRACE_TLS_CERT and MILLRACE_TLS_KEY, bind 127.0.0.1, or say --allow-plaintext where a proxy or a tunnel encrypts"
        )
    }

    static func badFile(_ path: String, _ fault: String) -> ServeError {
        ServeError(.badFile, "\(path) \(fault): name another file, or make it readable for this user")
    }
}
