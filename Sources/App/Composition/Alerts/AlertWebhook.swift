import AsyncHTTPClient
import Core
import Embedding
import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1
import Serve

/// Calls `MILLRACE_ALERT_WEBHOOK` when rows fail again and again, a worker is lost, or jobs wait too long: a POST of
/// JSON, signed where `MILLRACE_ALERT_SECRET` is set.
///
/// `Millrace-Signature` is the hexadecimal HMAC-SHA256 (RFC 2104) of `ID.TIME.BODY`, where `Millrace-Id` and
/// `Millrace-Time` (seconds since 1970) are headers of the call; a receiver refuses old times and known ids.
actor AlertWebhook {
    /// The body of a call; `event` says which of the rest is there.
    private struct Alert: Encodable {
        struct Worker: Encodable {
            let name: String
            let host: String
            let pid: Int32
        }

        let event: String
        var newFailures: Int?
        var failures: [FailureGroup]?
        var workers: [Worker]?
        var waitedSeconds: Int?
        let jobs: [String: Int]
    }

    private let url: String
    private let secret: String?
    private let database: any Database
    private let logger: Logger
    private var failure = FailureRule()
    private var loss = LossRule()
    private var age: QueueAgeRule

    /// - Parameter queueAge: how long the next job may have waited.
    init(url: String, secret: String?, queueAge: Duration, database: any Database, logger: Logger) {
        self.url = url
        self.secret = secret
        self.database = database
        self.logger = logger
        age = QueueAgeRule(limit: queueAge)
    }

    /// One look; call it every few seconds.
    ///
    /// - Parameter calls: whether this server is the one that calls. The others look too, so that one who takes over knows
    ///   what was told.
    func tick(now: ContinuousClock.Instant, calls: Bool) async throws {
        let (counts, workers, line) = try await database.read { connection in
            let jobs = JobStore()
            return (
                try jobs.counts(on: connection), try WorkerStore().list(on: connection),
                try jobs.line(on: connection)
            )
        }
        let new = failure.look(dead: counts["dead"] ?? 0, held: counts["held"] ?? 0, now: now)
        let lost = loss.look(workers, now: now)
        let age = age.look(line, now: now)
        guard calls else { return }
        if let new {
            let failures = try await StatusReader(database: database).read().failures
            await send(
                Alert(event: "rows_failed", newFailures: new, failures: Array(failures.prefix(10)), jobs: counts))
        }
        if !lost.isEmpty {
            let lost = lost.map { Alert.Worker(name: $0.name, host: $0.host, pid: $0.pid) }
            await send(Alert(event: "worker_lost", workers: lost, jobs: counts))
        }
        if let age {
            await send(Alert(event: "queue_old", waitedSeconds: Int(age.seconds), jobs: counts))
        }
    }

    private func send(_ alert: Alert) async {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        guard let data = try? encoder.encode(alert) else { preconditionFailure("an alert is always valid JSON") }
        let body = Array(data)
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
            logger.notice("alert sent", metadata: ["alert.id": "\(id)", "event": "\(alert.event)"])
        } catch {
            logger.warning("the alert webhook could not be called", metadata: ["error": "\(error)"])
        }
    }
}
