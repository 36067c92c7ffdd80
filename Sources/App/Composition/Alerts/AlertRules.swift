import Core

/// At most one alert of a kind in a while.
struct AlertPause: Sendable {
    let length: Duration
    private var last: ContinuousClock.Instant?

    init(_ length: Duration) {
        self.length = length
    }

    /// Whether an alert may go out now; then the pause begins.
    mutating func isOver(_ now: ContinuousClock.Instant) -> Bool {
        if let last, last.duration(to: now) < length { return false }
        last = now
        return true
    }
}

/// Decides when repeated failure is worth a call: pure, so that a test can drive it.
struct FailureRule: Sendable {
    /// New failures within ``window`` and since the last alert that are worth one; a held job always is.
    let threshold: Int
    let window: Duration
    private var pause = AlertPause(.seconds(300))
    private var alerted = 0
    /// What was failed at moments of change, oldest first; the first of them is the last from before the window.
    private var looks: [(moment: ContinuousClock.Instant, failed: Int)] = []

    init(threshold: Int = 5, window: Duration = .seconds(600)) {
        self.threshold = threshold
        self.window = window
    }

    /// Takes the present number of dead and held jobs. What had failed before the first look counts as new.
    ///
    /// - Returns: how many are new, where that is worth an alert.
    mutating func look(dead: Int, held: Int, now: ContinuousClock.Instant) -> Int? {
        let failed = dead + held
        if looks.isEmpty { looks = [(now, 0)] }
        // Those that were retried are counted afresh.
        alerted = min(alerted, failed)
        for index in looks.indices { looks[index].failed = min(looks[index].failed, failed) }
        if looks.last?.failed != failed { looks.append((now, failed)) }
        while looks.count > 1, looks[1].moment.duration(to: now) >= window { looks.removeFirst() }
        let new = failed - max(alerted, looks[0].failed)
        guard new >= threshold || (held > 0 && new > 0), pause.isOver(now) else { return nil }
        alerted = failed
        return new
    }
}

/// Notices workers that were alive at the last look and are declared lost at this one.
struct LossRule: Sendable {
    private var living: Set<WorkerID> = []
    private var unsaid: [ListedWorker] = []
    private var pause = AlertPause(.seconds(60))

    /// Takes the workers as they are listed now. - Returns: those lost since the last alert, where one is due.
    mutating func look(_ workers: [ListedWorker], now: ContinuousClock.Instant) -> [ListedWorker] {
        unsaid += workers.filter { $0.state == "lost" && living.contains($0.id) }
        living = Set(workers.filter { $0.state != "lost" }.map(\.id))
        guard !unsaid.isEmpty, pause.isOver(now) else { return [] }
        defer { unsaid = [] }
        return unsaid
    }
}

/// Knows how long the next job has waited at least, from which jobs there were at earlier looks: job numbers grow, so
/// a job no newer than the newest of a look was there at that look.
struct QueueAgeRule: Sendable {
    /// A wait that is worth an alert.
    let limit: Duration
    private var looks: [(moment: ContinuousClock.Instant, newest: ID<Job>)] = []
    private var pause = AlertPause(.seconds(300))

    init(limit: Duration) {
        self.limit = limit
    }

    /// - Returns: how long the next job has waited, where that is worth an alert.
    mutating func look(_ line: JobStore.Line, now: ContinuousClock.Instant) -> Duration? {
        if let newest = line.newest, looks.last.map({ $0.newest < newest }) ?? true {
            looks.append((now, newest))
        }
        guard let next = line.next else {
            looks = looks.suffix(1)
            return nil
        }
        // Looks at which the next job was not there yet tell nothing any more.
        looks.removeFirst(looks.prefix { $0.newest < next }.count)
        guard let first = looks.first else { return nil }
        let age = first.moment.duration(to: now)
        guard age >= limit, pause.isOver(now) else { return nil }
        return age
    }
}
