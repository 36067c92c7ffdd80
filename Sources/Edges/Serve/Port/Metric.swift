/// One metric family, in Prometheus' terms.
package struct Metric: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// Never falls while the process lives; the name ends in `_total`.
        case counter
        case gauge
        /// Samples named `…_bucket` (with `le`), `…_sum` and `…_count`.
        case histogram
    }

    package struct Sample: Sendable, Equatable {
        /// Appended to the family's name: empty, `_bucket`, `_sum` or `_count`.
        package var suffix: String
        /// Names and values, in the order in which they are written.
        package var labels: [Label]
        package var value: Double

        package init(_ value: Double, _ labels: [Label] = [], suffix: String = "") {
            self.value = value
            self.labels = labels
            self.suffix = suffix
        }
    }

    package struct Label: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`; begins with `millrace_`, with its unit in it (`_seconds`, `_bytes`).
    package var name: String
    package var help: String
    package var kind: Kind
    package var samples: [Sample]

    package init(_ name: String, _ help: String, _ kind: Kind, _ samples: [Sample]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.samples = samples
    }
}
