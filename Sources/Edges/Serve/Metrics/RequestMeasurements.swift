import HTTPTypes
import Hummingbird
import Synchronization

/// Counts and durations of requests, by route, method and status.
///
/// Routes are their patterns, so that the number of series is bounded whatever is asked for.
final class RequestMeasurements: Sendable {
    /// Upper bounds in seconds; what is slower is in `+Inf`.
    static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private struct Key: Hashable {
        let method: String
        let route: String
        let status: Int
    }

    private struct Histogram {
        var counts = [Int](repeating: 0, count: RequestMeasurements.bounds.count)
        var count = 0
        var sum = 0.0
    }

    private struct Table {
        var requests: [Key: Int] = [:]
        var durations: [String: Histogram] = [:]
    }

    private let table = Mutex(Table())

    func record(method: String, route: String, status: Int, seconds: Double) {
        table.withLock { table in
            table.requests[Key(method: method, route: route, status: status), default: 0] += 1
            var histogram = table.durations[route] ?? Histogram()
            for (index, bound) in Self.bounds.enumerated() where seconds <= bound {
                histogram.counts[index] += 1
            }
            histogram.count += 1
            histogram.sum += seconds
            table.durations[route] = histogram
        }
    }

    func metrics() -> [Metric] {
        let table = table.withLock { $0 }
        let requests = table.requests.sorted { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) }
            .map { key, count in
                Metric.Sample(
                    Double(count),
                    [.init("method", key.method), .init("route", key.route), .init("status", String(key.status))])
            }
        let durations = table.durations.sorted { $0.key < $1.key }.flatMap { route, histogram in
            let label = Metric.Label("route", route)
            let buckets = zip(Self.bounds, histogram.counts).map { bound, count in
                Metric.Sample(Double(count), [label, .init("le", PrometheusText.number(bound))], suffix: "_bucket")
            }
            return buckets + [
                Metric.Sample(Double(histogram.count), [label, .init("le", "+Inf")], suffix: "_bucket"),
                Metric.Sample(histogram.sum, [label], suffix: "_sum"),
                Metric.Sample(Double(histogram.count), [label], suffix: "_count"),
            ]
        }
        return [
            Metric("millrace_http_requests_total", "HTTP requests answered.", .counter, requests),
            Metric(
                "millrace_http_request_duration_seconds", "From the head of a request to the head of its answer.",
                .histogram, durations),
        ]
    }
}

/// The outermost middleware: it sees the answer as it is sent.
struct MeasureRequests: RouterMiddleware {
    let measurements: RequestMeasurements
    let limits: ServerSettings.Limits

    private static let methods: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]

    func handle(
        _ request: Request, context: ServeContext, next: @concurrent (Request, ServeContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.limits = limits
        let start = ContinuousClock.now
        let response = try await next(request, context)
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        let path = context.endpointPath ?? "unmatched"
        measurements.record(
            method: Self.methods.contains(request.method) ? request.method.rawValue : "other",
            route: path == "NotFound" ? "unmatched" : path, status: response.status.code,
            seconds: Double(seconds) + Double(attoseconds) / 1e18)
        return response
    }
}
