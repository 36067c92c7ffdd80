import Core

/// How fast rows are settled, from the workers' totals: looked at once a second, remembered for an hour.
actor RateMeter {
    private let database: any Database
    private var samples: [(moment: ContinuousClock.Instant, total: Int)] = []
    private var minutes: [Double] = []
    private var minuteBegan: (moment: ContinuousClock.Instant, total: Int)?

    init(database: any Database) {
        self.database = database
    }

    /// Looks once a second until cancelled.
    func run() async throws {
        while !Task.isCancelled {
            if let total = try? await database.read({ connection in try WorkerStore().totalSettled(on: connection) }) {
                note(total, at: .now)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func note(_ total: Int, at now: ContinuousClock.Instant) {
        // Workers that were forgotten take their totals with them: begin again.
        if let last = samples.last, total < last.total {
            samples = []
            minuteBegan = nil
        }
        samples.append((now, total))
        samples.removeAll { $0.moment.duration(to: now) > .seconds(6) }
        guard let began = minuteBegan else {
            minuteBegan = (now, total)
            return
        }
        let seconds = began.moment.duration(to: now).seconds
        guard seconds >= 60 else { return }
        minutes.append(Double(total - began.total) / seconds)
        minutes = minutes.suffix(60)
        minuteBegan = (now, total)
    }

    /// Rows per second over the last seconds, and the mean of each minute, oldest first.
    func rate() -> (perSecond: Double, history: [Double]) {
        guard let first = samples.first, let last = samples.last, last.moment > first.moment else {
            return (0, minutes)
        }
        let perSecond = Double(last.total - first.total) / first.moment.duration(to: last.moment).seconds
        return ((perSecond * 10).rounded() / 10, minutes)
    }
}
