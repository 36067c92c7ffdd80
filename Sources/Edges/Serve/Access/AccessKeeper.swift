import HTTPTypes
import Hummingbird
import NIOCore
package import Secrets
import Synchronization

/// Decides who may come in: whoever shows the admin token as a bearer, or the cookie that signing in with it gave.
package final class AccessKeeper: Sendable {
    private struct State {
        var sessions = Sessions()
        var throttle = AttemptThrottle()
    }

    private let token: Secret
    private let state = Mutex(State())
    private let pause: @Sendable (Duration) async throws -> Void

    /// - Parameters:
    ///   - token: The admin token.
    ///   - pause: How a late answer is waited for; a test decides otherwise.
    package init(
        token: Secret, pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.token = token
        self.pause = pause
    }

    /// Whether the request may pass. A wrong bearer is counted against its address, a missing one is not.
    /// - Throws: ``Refusal`` where too many wrong ones came from there.
    func admits(_ request: Request, from address: String, cookie: String) async throws -> Bool {
        if let given = Self.bearer(request) {
            return try await isToken(given, from: address)
        }
        return holdsSession(request, cookie: cookie)
    }

    /// Whether the request has the cookie of a session that goes on.
    func holdsSession(_ request: Request, cookie: String) -> Bool {
        guard let id = Self.cookie(cookie, of: request) else { return false }
        return state.withLock { $0.sessions.holds(id, now: .now) }
    }

    /// Begins a session. - Returns: its identifier; nil where the token is wrong.
    func signIn(_ given: String, from address: String) async throws -> String? {
        guard try await isToken(given, from: address) else { return nil }
        return state.withLock { $0.sessions.open(now: .now) }
    }

    /// Ends the session of the request's cookie.
    func signOut(_ request: Request, cookie: String) {
        guard let id = Self.cookie(cookie, of: request) else { return }
        state.withLock { $0.sessions.close(id) }
    }

    private func isToken(_ given: String, from address: String) async throws -> Bool {
        switch state.withLock({ $0.throttle.begin(address, now: .now) }) {
        case .refuse(let seconds):
            throw Refusal.tooManyAttempts(retryAfterSeconds: seconds)
        case .check(let pause):
            do {
                if pause > .zero { try await self.pause(pause) }
            } catch {
                state.withLock { $0.throttle.end(address, failed: false, now: .now) }
                throw error
            }
            let isRight = token.matches(given)
            state.withLock { $0.throttle.end(address, failed: !isRight, now: .now) }
            return isRight
        }
    }

    /// What follows `Bearer` (RFC 6750, 2.1); another scheme gives an empty text, which is wrong.
    static func bearer(_ request: Request) -> String? {
        guard let header = request.headers[.authorization] else { return nil }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return "" }
        return String(parts[1].filter { $0 != " " })
    }

    private static func cookie(_ name: String, of request: Request) -> String? {
        for header in request.headers[values: .cookie] {
            for pair in header.split(separator: ";") {
                let parts = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
                if parts.count == 2, parts[0] == name { return String(parts[1]) }
            }
        }
        return nil
    }
}

extension ServeContext {
    /// Whose wrong tokens count together: an IPv4 address, or the network of an IPv6 one, since a subscriber is given
    /// a whole /64 (RFC 6177).
    var throttleAddress: String {
        guard let remote = channel.remoteAddress else { return "" }
        guard remote.protocol == .inet6 else { return remote.ipAddress ?? "" }
        // RFC 3493, 3.3: family, port and flow take eight bytes, then comes the address.
        let network = remote.withSockAddr { address, size in
            Array(UnsafeRawBufferPointer(start: address, count: size)[8..<16])
        }
        return network.map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// The name of this server's cookie. Cookies know no ports, and two servers on one machine must not sign each
    /// other's users out.
    var cookieName: String {
        "millrace_session_\(channel.localAddress?.port ?? 0)"
    }
}

extension Refusal {
    static let unauthorized = Refusal(
        .unauthorized, "This server asks for its admin token.",
        hint: "Send the header Authorization: Bearer TOKEN, or sign in at /login.")

    static func tooManyAttempts(retryAfterSeconds seconds: Int) -> Refusal {
        Refusal(
            .tooManyAttempts, "Too many wrong tokens came from this address.",
            hint: "Wait \(seconds) seconds, then send the right one.", retryAfterSeconds: seconds)
    }
}
