import HTTPTypes
import Hummingbird

/// `GET /healthz`, `/readyz`, `/metrics` and `/api/status`.
struct HealthRoutes {
    let backend: any Backend
    let measurements: RequestMeasurements

    func add(to table: inout RouteTable) {
        table.get("/healthz") { _, _ in
            try Answer.json(Health(status: "ok", reasons: nil))
        }
        table.get("/readyz") { _, context in
            let reasons = await backend.readiness()
            // Without the token it is a yes or a no.
            let told = context.isTrusted ? reasons : nil
            return reasons.isEmpty
                ? try Answer.json(Health(status: "ready", reasons: nil))
                : try Answer.json(Health(status: "not_ready", reasons: told), status: .serviceUnavailable)
        }
        table.get("/metrics") { _, _ in
            let families = try await backend.metrics() + measurements.metrics()
            return Answer.text(PrometheusText.encode(families), type: PrometheusText.contentType)
        }
        table.get("/api/status") { request, _ in
            _ = try QueryParameters(request.uri.query, known: [])
            return try Answer.json(try await backend.status())
        }
    }

    private struct Health: Encodable {
        let status: String
        let reasons: [String]?
    }
}
