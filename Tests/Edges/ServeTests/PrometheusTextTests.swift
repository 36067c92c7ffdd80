import Testing

@testable import Serve

@Suite struct PrometheusTextTests {
    @Test func `a family has its help, its type and a line for each sample`() {
        let text = PrometheusText.encode([
            Metric(
                "millrace_x_total", "Two\nlines \\ and \"quotes\".", .counter,
                [.init(3), .init(0.5, [.init("a", "b\"c\\d\ne"), .init("f", "")])])
        ])
        #expect(
            text == """
                # HELP millrace_x_total Two\\nlines \\\\ and "quotes".
                # TYPE millrace_x_total counter
                millrace_x_total 3
                millrace_x_total{a="b\\"c\\\\d\\ne",f=""} 0.5

                """)
    }

    @Test(arguments: [
        (0.0, "0"), (-3.0, "-3"), (1e21, "1e+21"), (0.25, "0.25"), (Double.infinity, "+Inf"),
        (-Double.infinity, "-Inf"),
        (Double.nan, "NaN"),
    ])
    func `numbers are written as the format says`(value: Double, text: String) {
        #expect(PrometheusText.number(value) == text)
    }

    @Test func `buckets are cumulative and routes are patterns`() {
        let measurements = RequestMeasurements()
        measurements.record(method: "GET", route: "/a", status: 200, seconds: 0.002)
        measurements.record(method: "GET", route: "/a", status: 200, seconds: 60)
        let families = measurements.metrics()
        #expect(families[0].samples.map(\.value) == [2])
        let buckets = families[1].samples.filter { $0.suffix == "_bucket" }.map(\.value)
        #expect(buckets.first == 0)
        #expect(buckets[1] == 1)
        #expect(buckets.last == 2)
        #expect(buckets == buckets.sorted())
    }
}
