import AsyncHTTPClient
import Core
import Embedding
import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1
import Serve

/// Decides when repeated failure is worth a call: pure, so that a test can drive it.
struct AlertRule: Sendable {
    /// New failures since the last alert that are worth one.
    var threshold = 5
    /// Pause between two alerts.
    var pause = Duration.seconds(300)

    private var alerted = 0
    private var lastAlert: ContinuousClock.Instant?

    init() {}

    /// Takes the present number of dead and held jobs. - Returns: how many are new, where that is worth an alert.
    mutating func look(dead: Int, held: Int, now: ContinuousClock.Instant) -> Int? {
        let failed = dead + held
        if failed < alerted { alerted = failed }
        let new = failed - alerted
        guard new >= threshold || (held > 0 && new > 0) else { return nil }
        if let lastAlert, lastAlert.duration(to: now) < pause { return nil }
        alerted = failed
        lastAlert = now
        return new
    }
}

/// Calls `MILLRACE_ALERT_WEBHOOK` on repeated failure: a POST of JSON, signed where `MILLRACE_ALERT_SECRET` is set.
///
/// `Millrace-Signature` is the hexadecimal HMAC-SHA256 (RFC 2104) of `ID.TIME.BODY`, where `Millrace-Id` and
/// `Millrace-Time` (seconds since 1970) are headers of the call; a receiver refuses old times and known ids.
actor AlertWebhook {
    private struct Body: Encodable {
        let event = "rows_failed"
        let newFailures: Int
        let dead: Int
        let held: Int
        let failures: [FailureGroup]
    }

    private let url: String
    private let secret: String?
    private let database: any Database
    private let logger: Logger
    private var rule = AlertRule()

    init(url: String, secret: String?, database: any Database, logger: Logger) {
        self.url = url
        self.secret = secret
        self.database = database
        self.logger = logger
    }

    /// One look; call it every few seconds.
    func tick(now: ContinuousClock.Instant) async throws {
        let counts = try await database.read { connection in try JobStore().counts(on: connection) }
        let (dead, held) = (counts["dead"] ?? 0, counts["held"] ?? 0)
        guard let new = rule.look(dead: dead, held: held, now: now) else { return }
        let failures = try await StatusReader(database: database).read().failures
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let body = try encoder.encode(
            Body(newFailures: new, dead: dead, held: held, failures: Array(failures.prefix(10))))
        await send(Array(body))
    }

    private func send(_ body: [UInt8]) async {
        let id = UUID().uuidString.lowercased()
        let time = String(Timestamp.now().microseconds / 1_000_000)
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Millrace-Id", value: id)
        request.headers.add(name: "Millrace-Time", value: time)
        if let secret {
            let signed = Array("\(id).\(time).".utf8) + body
            request.headers.add(name: "Millrace-Signature", value: SHA256.authentication(of: signed, key: secret))
        }
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
            guard (200..<300).contains(Int(response.status.code)) else {
                return logger.warning("the alert webhook refused", metadata: ["status": "\(response.status.code)"])
            }
            logger.notice("alert sent", metadata: ["alert.id": "\(id)"])
        } catch {
            logger.warning("the alert webhook could not be called", metadata: ["error": "\(error)"])
        }
    }
}
