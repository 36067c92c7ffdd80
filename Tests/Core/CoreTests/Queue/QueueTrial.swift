import Core

/// Rows, workers and a server that do random things at random moments: the machines on one side, ``NaiveRow`` on the other.
struct QueueTrial {
    /// One claimed job in a worker's hands.
    struct Hand {
        let row: Int
        let fence: Int64
        var isInModel = false
        /// What the read after the claim found; nil before it.
        var foundRow: Bool?
    }

    struct Incarnation {
        let id: Int
        var beat: Int64 = 0
        var lastBeat: ContinuousClock.Instant
        /// A suspended process does nothing and does not know it.
        var isSuspended = false
        var isDead = false
        var hands: [Hand] = []
    }

    let seed: UInt64
    let policy = RetryPolicy()
    var random: Random
    var machines: [JobMachine]
    var rows: [NaiveRow]
    var workers: [Incarnation] = []
    var nextWorker = 1
    var fence: Int64 = 0
    /// Claims that were taken away or settled, for workers that do not know it.
    var oldClaims: [(row: Int, fence: Int64)] = []
    /// The wall clock, which jumps, and the monotonic one, which does not.
    var wall = Timestamp(microseconds: 1_700_000_000_000_000)
    var clock = ContinuousClock.now
    var observer = StalenessObserver<WorkerID>(lease: .seconds(4), longestStep: .seconds(1))
    var watch = NaiveWatch(lease: .seconds(4), longestStep: .seconds(1))
    var trace: [String] = []
    var seen: [String: Int] = [:]

    init(seed: UInt64, rows count: Int, workers: Int) {
        self.seed = seed
        random = Random(seed: seed)
        machines = (0..<count).map { _ in JobMachine() }
        rows = (0..<count).map { _ in NaiveRow() }
        for _ in 0..<workers { arrive() }
    }

    mutating func step() throws {
        let row = random.below(rows.count)
        let worker = random.below(workers.count)
        switch random.below(100) {
        case 0..<10: if !isPoison(row) || random.oneIn(40) { try wish(row) }
        case 10..<11: vanish(row)
        case 11..<28: try claim(worker)
        case 28..<40:
            let poisoned = read(worker)
            if poisoned, !random.oneIn(4) { try die(worker, isSeenByParent: random.oneIn(2)) }
        case 40..<62: try settle(worker)
        case 62..<67: try reportLate()
        case 67..<70: try handBack(worker)
        case 70..<71: if random.oneIn(2) { try die(worker, isSeenByParent: random.oneIn(2)) }
        case 71..<72: workers[worker].isSuspended.toggle()
        case 72..<82: beat(worker)
        case 82..<90: pass()
        case 90..<95: try look()
        default: try promote()
        }
        if trace.count > 64 { trace.removeFirst(40) }
    }

    /// A row whose input kills most processes that take it into their model.
    private func isPoison(_ row: Int) -> Bool { row.isMultiple(of: 8) }

    private mutating func note(_ what: String) {
        seen[what, default: 0] += 1
    }

    mutating func check(_ row: Int) throws {
        if let difference = rows[row].difference(to: machines[row]) { throw fault("row \(row) is \(difference)") }
        if machines[row].state == .done, rows[row].isInTable, rows[row].embeddedWish != rows[row].wishes {
            throw fault("row \(row) is done, and its last wish was forgotten")
        }
        if machines[row].state == .held, machines[row].aloneCrashes < policy.aloneCrashesBeforeHeld {
            throw fault("row \(row) is held after \(machines[row].aloneCrashes) lone crashes")
        }
    }

    func checkAll() throws {
        var copy = self
        for row in rows.indices { try copy.check(row) }
    }

    func fault(_ what: String) -> Divergence {
        Divergence(what, seed: seed, trace: trace)
    }
}

// MARK: What the user does

extension QueueTrial {
    mutating func wish(_ row: Int) throws {
        trace.append("wish \(row)")
        note("wish for \(machines[row].state.word)")
        machines[row].want()
        rows[row].wish()
        try check(row)
    }

    /// A row leaves the table in a way that no trigger sees.
    mutating func vanish(_ row: Int) {
        trace.append("vanish \(row)")
        rows[row].isInTable = false
    }
}

// MARK: What a worker does

extension QueueTrial {
    mutating func arrive() {
        workers.append(Incarnation(id: nextWorker, lastBeat: clock))
        nextWorker += 1
    }

    private func acts(_ worker: Int) -> Bool {
        !workers[worker].isSuspended && !workers[worker].isDead
    }

    mutating func claim(_ worker: Int) throws {
        guard acts(worker), Set(workers[worker].hands.map(\.fence)).count < 3 else { return }
        let order: [Suspicion] = random.oneIn(8) ? [.strong, .some, .none] : [.none, .some, .strong]
        for suspicion in order {
            // As the worker does it: a suspect has nothing beside it, mostly.
            if suspicion != .none, !workers[worker].hands.isEmpty, !random.oneIn(4) { continue }
            let found = machines.indices
                .filter { machines[$0].state == .available && suspicion.crashes.contains(Int64(machines[$0].crashes)) }
                .prefix(suspicion.limit(batchSize: 12))
            guard !found.isEmpty else { continue }
            fence += 1
            trace.append("worker \(workers[worker].id) claims \(Array(found)) as \(fence)")
            note("claim of \(suspicion)")
            let crashes = found.map { rows[$0].crashes }
            guard
                crashes.allSatisfy({ $0 == 0 }) || (crashes.allSatisfy { $0 == 1 } && crashes.count <= 8)
                    || crashes.count == 1
            else { throw fault("jobs with \(crashes) crashes were claimed together") }
            for row in found {
                machines[row].claim(fence: fence)
                rows[row].take(fence)
                workers[worker].hands.append(Hand(row: row, fence: fence))
                try check(row)
            }
            return
        }
    }

    /// Reads a claimed batch and takes it into the model. - Returns: whether there is poison among it.
    @discardableResult
    mutating func read(_ worker: Int) -> Bool {
        guard acts(worker), let fence = workers[worker].hands.first(where: { $0.foundRow == nil })?.fence else {
            return false
        }
        trace.append("worker \(workers[worker].id) reads \(fence)")
        for index in workers[worker].hands.indices where workers[worker].hands[index].fence == fence {
            workers[worker].hands[index].foundRow = rows[workers[worker].hands[index].row].isInTable
            workers[worker].hands[index].isInModel = true
        }
        return workers[worker].hands.contains { $0.fence == fence && isPoison($0.row) }
    }

    mutating func settle(_ worker: Int) throws {
        guard acts(worker) else { return }
        for _ in 0..<(1 + random.below(12)) {
            let ready = workers[worker].hands.indices.filter { workers[worker].hands[$0].isInModel }
            guard let index = ready.randomElement(using: &random) else { return }
            let hand = workers[worker].hands.remove(at: index)
            try report(hand.foundRow == false ? .gone : outcome(), hand.row, hand.fence)
            oldClaims.append((hand.row, hand.fence))
        }
    }

    private mutating func outcome() -> JobMachine.Outcome {
        switch random.below(20) {
        case 0..<9: .finished
        case 9..<11: .changed
        case 11..<18: .failed(isRetryable: true)
        case 18: .failed(isRetryable: false)
        default: .throttled(for: .milliseconds(random.below(20_000)))
        }
    }

    /// A worker that was away settles or hands back what is not its own any more.
    mutating func reportLate() throws {
        if oldClaims.count > 200 { oldClaims.removeFirst(100) }
        guard let (row, fence) = oldClaims.randomElement(using: &random) else { return }
        let before = machines[row]
        if random.oneIn(4) {
            trace.append("late hand back of \(row) by \(fence)")
            guard !machines[row].release(fence: fence) else {
                throw fault("row \(row) was handed back by an old fence")
            }
        } else {
            let outcome: JobMachine.Outcome = random.oneIn(4) ? .gone : outcome()
            try report(outcome, row, fence)
        }
        note("late report")
        guard machines[row] == before else { throw fault("the old fence \(fence) changed row \(row)") }
    }

    mutating func report(_ outcome: JobMachine.Outcome, _ row: Int, _ fence: Int64) throws {
        trace.append("settle \(row) by \(fence): \(outcome)")
        let attempt = machines[row].attempt
        let settlement = machines[row].settle(
            outcome, fence: fence, now: wall, policy: policy, jitter: random.fraction())
        note("settled as \(settlement.word)")
        guard rows[row].report(outcome, fence, now: wall.microseconds, settlement: settlement) else {
            throw fault("row \(row) was answered \(settlement)")
        }
        if case .failed = outcome {
        } else if machines[row].attempt != attempt {
            throw fault("row \(row) counts an attempt for \(outcome)")
        }
        try check(row)
    }

    mutating func handBack(_ worker: Int) throws {
        guard acts(worker), let fence = workers[worker].hands.randomElement(using: &random)?.fence else { return }
        trace.append("worker \(workers[worker].id) hands back \(fence)")
        note("hand back")
        for hand in workers[worker].hands where hand.fence == fence {
            let before = machines[hand.row]
            _ = machines[hand.row].release(fence: fence)
            rows[hand.row].handBack(fence)
            guard machines[hand.row].crashes == before.crashes, machines[hand.row].attempt == before.attempt else {
                throw fault("handing back counted something for row \(hand.row)")
            }
            oldClaims.append((hand.row, fence))
            try check(hand.row)
        }
        workers[worker].hands.removeAll { $0.fence == fence }
    }

    mutating func beat(_ worker: Int) {
        guard acts(worker) else { return }
        workers[worker].beat += 1
        workers[worker].lastBeat = clock
    }

    mutating func die(_ worker: Int, isSeenByParent: Bool) throws {
        trace.append("worker \(workers[worker].id) dies")
        workers[worker].isDead = true
        if isSeenByParent { try lose(workers[worker].id) }
    }
}

// MARK: What the server does

extension QueueTrial {
    /// Time passes; the server may have been away for hours, and the wall clock may be set.
    mutating func pass() {
        clock += random.oneIn(200) ? .seconds(3600 * random.below(48)) : .milliseconds(random.below(1500))
        wall = wall + .milliseconds(random.below(1500))
        if random.oneIn(50) { wall = wall + .seconds(random.below(200_000) - 100_000) }
    }

    mutating func look() throws {
        let beats = Dictionary(uniqueKeysWithValues: workers.map { ($0.id, $0.beat) })
        let typed = Dictionary(uniqueKeysWithValues: beats.map { (WorkerID(Int64($0.key)), $0.value) })
        let stale = observer.look(at: typed, now: clock).map { Int($0.rawValue) }
        let expected = watch.look(at: beats, now: clock)
        trace.append("look: \(stale)")
        guard stale == expected else { throw fault("\(stale) are lost instead of \(expected)") }
        for id in stale {
            guard let worker = workers.first(where: { $0.id == id }), worker.lastBeat.duration(to: clock) >= .seconds(4)
            else { throw fault("worker \(id) was declared lost although it beat") }
            try lose(id)
        }
    }

    mutating func lose(_ id: Int) throws {
        guard let index = workers.firstIndex(where: { $0.id == id }) else { return }
        let worker = workers.remove(at: index)
        let held = worker.hands.filter { rows[$0.row].place == .inHand($0.fence) }
        let inModel = held.count { $0.isInModel }
        trace.append("worker \(id) is lost with \(held.map(\.row)), \(inModel) in the model")
        for hand in held {
            let before = machines[hand.row]
            let isAlone = inModel == 1
            machines[hand.row].lose(fence: hand.fence, isInModel: hand.isInModel, isAlone: isAlone, policy: policy)
            rows[hand.row].lose(hand.fence, isInModel: hand.isInModel, isAlone: isAlone)
            if !hand.isInModel, machines[hand.row].crashes != before.crashes {
                throw fault("row \(hand.row) was prefetched and counts a crash")
            }
            guard machines[hand.row].attempt == before.attempt else { throw fault("a death counted an attempt") }
            note("lost to \(machines[hand.row].state.word)")
            try check(hand.row)
        }
        // A dead process's claims are late reports as well: they may have been under way.
        oldClaims += worker.hands.map { ($0.row, $0.fence) }
        arrive()
    }

    mutating func promote() throws {
        for row in rows.indices {
            if machines[row].promote(now: wall) { note("promoted") }
            rows[row].becomeDue(now: wall.microseconds)
            try check(row)
        }
    }

    /// Everything goes well from now on: every wish is answered, or a person knows why not.
    mutating func settleDown() throws {
        for worker in workers.map(\.id) { try lose(worker) }
        for _ in 0..<rows.count * 4 {
            wall = wall + .seconds(1_000_000)
            for row in rows.indices {
                rows[row].becomeDue(now: wall.microseconds)
                _ = machines[row].promote(now: wall)
            }
            try claim(0)
            read(0)
            while let hand = workers[0].hands.popLast() {
                try report(hand.foundRow == false ? .gone : .finished, hand.row, hand.fence)
            }
        }
        for row in rows.indices {
            try check(row)
            switch rows[row].place {
            case .nowhere, .heldForAPerson, .dead: break
            case .waiting, .waitingUntil, .inHand: throw fault("row \(row) is still \(rows[row].place)")
            }
            if rows[row].place == .nowhere, rows[row].isInTable, rows[row].embeddedWish != rows[row].wishes {
                throw fault("row \(row) was never embedded")
            }
        }
    }
}

extension JobMachine.State {
    var word: String {
        switch self {
        case .scheduled: "scheduled"
        case .available: "available"
        case .running: "running"
        case .held: "held"
        case .dead: "dead"
        case .done: "done"
        }
    }
}

extension JobMachine.Settlement {
    var word: String {
        switch self {
        case .ignored: "ignored"
        case .done: "done"
        case .requeued: "requeued"
        case .retrying: "retrying"
        case .dead: "dead"
        }
    }
}
