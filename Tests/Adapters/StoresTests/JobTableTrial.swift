import Core

/// The job table and the machines side by side: each operation is done to both, then every row is compared.
///
/// A value, so that a write transaction works on a copy and hands it back.
struct JobTableTrial: Sendable {
    struct Slot: Sendable {
        var id: Int64
        var machine: JobMachine
        var worker: WorkerID?
    }

    struct Address: Hashable, Sendable {
        let source: SourceID
        let key: Key
    }

    let seed: UInt64
    private let store = JobStore()
    private var random: Random
    private var slots: [Address: Slot] = [:]
    private var dead: Set<Address> = []
    private var workers: [WorkerID] = []
    private var ended: Set<WorkerID> = []
    private var inModel: [WorkerID: Set<Int64>] = [:]
    private var hands: [Job] = []
    private var oldHands: [Job] = []
    private var fence: Int64 = 0
    private var lastID: Int64 = 0
    private var suspended: Set<SourceID> = []
    private var now = Timestamp(microseconds: 1_700_000_000_000_000)
    private var trace: [String] = []
    private(set) var seen: [String: Int] = [:]

    init(seed: UInt64) {
        self.seed = seed
        random = Random(seed: seed)
    }

    func fault(_ what: String) -> Divergence { Divergence(what, seed: seed, trace: trace) }

    private mutating func note(_ what: String, _ detail: String = "") {
        seen[what, default: 0] += 1
        trace.append("\(what) \(detail)")
        if trace.count > 64 { trace.removeFirst(40) }
    }

    private mutating func anyAddress() -> Address {
        Address(
            source: SourceID(Int64(1 + random.below(2))),
            key: random.oneIn(2)
                ? Key([.integer(Int64(random.below(6)))]) : Key(["it's", .integer(Int64(random.below(4)))]))
    }

    mutating func step(on connection: any Connection) throws {
        while workers.count < 3 { workers.append(try connection.worker()) }
        switch random.below(100) {
        case 0..<18:
            let address = anyAddress()
            if address.key != Self.poison || slots[address] == nil || random.oneIn(30) { try want(address, connection) }
        case 18..<20: try delete(connection)
        case 20..<42: try claim(connection)
        case 42..<50: try enterModel(connection)
        case 50..<70: try report(connection)
        case 70..<78: try reportLate(connection)
        case 78..<80: try handBack(connection)
        case 80..<83: try lose(random.below(workers.count), connection)
        case 83..<88: try claimAfterTheEnd(connection)
        case 88..<89: try suspendOrResume(connection)
        default: try promote(connection)
        }
    }

    // MARK: Operations

    private mutating func want(_ address: Address, _ connection: any Connection) throws {
        note("want", "\(address.source) \(address.key)")
        try connection.want(address.key, of: address.source)
        if slots[address] == nil {
            // A job that follows a finished, a dead or a deleted one is another job.
            guard
                let row = try connection.row(
                    .both("SELECT id FROM \(Table.job) WHERE source_id = :source AND key = :key"),
                    ["source": Value(address.source), "key": .text(address.key.literal)]),
                row.integer(0) > lastID
            else { throw fault("a job's id was used again") }
            lastID = row.integer(0)
            slots[address] = Slot(id: lastID, machine: JobMachine(), worker: nil)
        } else {
            slots[address]?.machine.want()
        }
    }

    /// What the delete trigger does.
    private mutating func delete(_ connection: any Connection) throws {
        let address = anyAddress()
        note("delete", "\(address.source) \(address.key)")
        for table in [Table.job, Table.deadJob] {
            try connection.run(
                .both("DELETE FROM \(table) WHERE source_id = :source AND key = :key"),
                ["source": Value(address.source), "key": .text(address.key.literal)])
        }
        slots[address] = nil
        dead.remove(address)
    }

    private mutating func claim(_ connection: any Connection, for worker: WorkerID? = nil) throws {
        let worker = worker ?? workers[random.below(workers.count)]
        let suspicion = Suspicion.allCases[random.below(3)]
        let limit = 1 + random.below(10)
        let jobs = try store.claim(suspicion, limit: limit, worker: worker, on: connection)
        fence += 1
        let expected =
            slots
            .filter { address, slot in
                slot.machine.state == .available && suspicion.crashes.contains(Int64(slot.machine.crashes))
                    && !suspended.contains(address.source)
            }
            .sorted { ($0.value.machine.crashes, $0.value.id) < ($1.value.machine.crashes, $1.value.id) }
            .prefix(suspicion.limit(batchSize: limit)).sorted { $0.value.id < $1.value.id }
        note("claim \(suspicion)\(jobs.isEmpty ? " of nothing" : "")", "\(jobs.map(\.id)) by \(worker) as \(fence)")
        guard jobs.map(\.id.rawValue) == expected.map(\.value.id), jobs.allSatisfy({ $0.fence == fence }) else {
            throw fault("\(jobs.map(\.id)) were claimed instead of \(expected.map(\.value.id))")
        }
        for (address, slot) in expected {
            slots[address]?.machine.claim(fence: fence)
            slots[address]?.worker = worker
            guard let job = jobs.first(where: { $0.id.rawValue == slot.id }), job.crashes == slot.machine.crashes,
                job.attempt == slot.machine.attempt, job.key == address.key, job.source == address.source
            else { throw fault("the claimed job \(slot.id) is described wrongly") }
        }
        hands += jobs
        if jobs.contains(where: { $0.key == Self.poison }), let index = workers.firstIndex(of: worker) {
            try enter([fence], worker, connection)
            try lose(index, connection)
        }
    }

    /// A key whose text kills whoever takes it into the model.
    private static let poison = Key([0])

    private mutating func enterModel(_ connection: any Connection) throws {
        let worker = workers[random.below(workers.count)]
        let mine = Set(slots.values.filter { $0.worker == worker }.compactMap { Self.fence(of: $0.machine) })
        let fences = mine.filter { _ in !random.oneIn(3) }
        try enter(fences, worker, connection)
    }

    private mutating func enter(_ fences: Set<Int64>, _ worker: WorkerID, _ connection: any Connection) throws {
        note("enter", "\(worker) \(fences)")
        try WorkerStore().enterModel(fences, of: worker, on: connection)
        inModel[worker] = fences
    }

    private static func fence(of machine: JobMachine) -> Int64? {
        if case .running(let fence) = machine.state { fence } else { nil }
    }

    private mutating func report(_ connection: any Connection) throws {
        guard !hands.isEmpty else { return }
        let job = hands.remove(at: random.below(hands.count))
        oldHands.append(job)
        let outcome: JobMachine.Outcome =
            switch random.below(10) {
            case 0..<4: .finished
            case 4: .gone
            case 5: .changed
            case 6: .failed(isRetryable: false)
            default: .failed(isRetryable: true)
            }
        try settle(job, outcome, connection)
    }

    /// As a settlement does it: the standing first, then what follows from it.
    private mutating func settle(
        _ job: Job, _ outcome: JobMachine.Outcome, _ connection: any Connection
    ) throws {
        let address = Address(source: job.source, key: job.key)
        let jitter = random.fraction()
        var expected = JobMachine.Settlement.ignored
        if slots[address]?.id == job.id.rawValue {
            expected =
                slots[address]?.machine.settle(
                    outcome, fence: job.fence, now: now, policy: store.policy, jitter: jitter) ?? .ignored
        }
        note("settle \(outcome)", "\(job.id) by \(job.fence): \(expected)")
        let settlement: JobMachine.Settlement
        let standing = try store.standing(of: [job], on: connection)[0]
        switch (outcome, standing) {
        case (.failed(let isRetryable), _):
            settlement = try store.fail(
                job, JobFailure(reason: "r\(job.fence)", error: "e", isRetryable: isRetryable), inputHash: nil,
                now: now,
                jitter: jitter, on: connection)
        case (_, .lost): settlement = .ignored
        case (.finished, .current), (.gone, .current):
            try store.finish([job], on: connection)
            settlement = .done
        default:
            try store.requeue([job], on: connection)
            settlement = .requeued
        }
        guard settlement == expected else { throw fault("the store answered \(settlement), the machine \(expected)") }
        switch expected {
        case .ignored: return
        case .done:
            slots[address] = nil
            dead.remove(address)
        case .dead:
            slots[address] = nil
            dead.insert(address)
        case .requeued, .retrying: slots[address]?.worker = nil
        }
    }

    /// Everything that a worker could do with a claim that is over.
    private mutating func reportLate(_ connection: any Connection) throws {
        if oldHands.count > 300 { oldHands.removeFirst(200) }
        guard let job = oldHands.randomElement(using: &random) else { return }
        note("late", "\(job.id) by \(job.fence)")
        guard try store.standing(of: [job], on: connection) == [.lost] else { throw fault("an old fence stands") }
        switch random.below(3) {
        case 0: try store.finish([job], on: connection)
        case 1: try store.requeue([job], on: connection)
        default:
            let failure = JobFailure(reason: "late", error: "e", isRetryable: random.oneIn(2))
            let settlement = try store.fail(job, failure, inputHash: [1], now: now, jitter: 0, on: connection)
            guard settlement == .ignored else { throw fault("an old fence failed a job") }
        }
    }

    private mutating func handBack(_ connection: any Connection) throws {
        guard let fence = hands.randomElement(using: &random)?.fence else { return }
        let jobs = hands.filter { $0.fence == fence }
        hands.removeAll { $0.fence == fence }
        oldHands += jobs
        note("hand back", "\(fence)")
        try store.requeue(jobs, on: connection)
        for job in jobs {
            let address = Address(source: job.source, key: job.key)
            guard slots[address]?.id == job.id.rawValue, slots[address]?.machine.release(fence: fence) == true else {
                continue
            }
            slots[address]?.worker = nil
        }
    }

    private mutating func lose(_ index: Int, _ connection: any Connection) throws {
        let worker = workers.remove(at: index)
        note("lose", "\(worker), in model \(inModel[worker] ?? [])")
        guard try WorkerStore().end(worker, as: .lost, on: connection) else { throw fault("a worker was gone already") }
        let rescue = try store.rescue(worker, error: "it died", on: connection)
        let mine = slots.filter { $0.value.worker == worker }
        let fences = inModel[worker] ?? []
        let alone = mine.count { fences.contains(Self.fence(of: $0.value.machine) ?? 0) } == 1
        for (address, slot) in mine {
            guard let fence = Self.fence(of: slot.machine) else { continue }
            slots[address]?.machine.lose(
                fence: fence, isInModel: fences.contains(fence), isAlone: alone, policy: store.policy)
            slots[address]?.worker = nil
            if slots[address]?.machine.state == .held { note("held") }
        }
        ended.insert(worker)
        let freed = mine.keys.filter { slots[$0]?.machine.state == .available }.compactMap { slots[$0]?.id }
        guard rescue.freed.map(\.id.rawValue).sorted() == freed.sorted(),
            rescue.freed.count + rescue.held.count == mine.count
        else { throw fault("\(rescue) instead of \(freed)") }
        guard try store.rescue(worker, error: "again", on: connection).freed.isEmpty else {
            throw fault("a second rescue found something")
        }
    }

    /// A worker that does not know yet that it was declared lost claims, and the server frees what it took.
    private mutating func claimAfterTheEnd(_ connection: any Connection) throws {
        guard let worker = ended.randomElement(using: &random) else { return }
        try claim(connection, for: worker)
        let freed = try store.freeOrphans(on: connection).freed
        let mine = slots.filter { $0.value.worker == worker }
        note("free orphans", "\(freed.map(\.id))")
        guard freed.map(\.id.rawValue).sorted() == mine.map(\.value.id).sorted() else {
            throw fault("orphans were left")
        }
        for address in mine.keys {
            _ = slots[address]?.machine.release(fence: fence)
            slots[address]?.worker = nil
        }
    }

    private mutating func suspendOrResume(_ connection: any Connection) throws {
        let source = SourceID(2)
        if suspended.remove(source) == nil { suspended.insert(source) }
        note("suspend", "\(suspended)")
        try connection.run(
            .both("UPDATE \(Table.source) SET state = :state WHERE id = 2"),
            ["state": suspended.isEmpty ? "active" : "suspended"])
    }

    private mutating func promote(_ connection: any Connection) throws {
        now = now + .milliseconds(random.below(4000))
        if random.oneIn(20) { now = now + .seconds(random.below(20_000) - 10_000) }
        let promoted = try store.promote(now: now, limit: 1000, on: connection)
        var expected = 0
        for address in slots.keys where slots[address]?.machine.promote(now: now) == true { expected += 1 }
        note("promote", "\(promoted)")
        guard promoted == expected else { throw fault("\(promoted) were promoted instead of \(expected)") }
    }

    // MARK: Comparison

    func compare(on connection: any Connection) throws {
        let rows = try connection.rows(
            .both(
                """
                SELECT id, source_id, key, state, wanted_rev, claimed_rev, attempt, crashes, alone_crashes, fence, run_at
                FROM \(Table.job)
                """))
        guard rows.count == slots.count else { throw fault("\(rows.count) jobs instead of \(slots.count)") }
        for row in rows {
            guard let slot = slots[Address(source: row.id(1), key: Key(literal: row.text(2)))],
                slot.id == row.integer(0)
            else { throw fault("job \(row) is unknown") }
            let machine = slot.machine
            let state: (String, Int64?, Int64?) =
                switch machine.state {
                case .scheduled(let moment): ("scheduled", nil, moment.microseconds)
                case .available: ("available", nil, nil)
                case .running(let fence): ("running", fence, nil)
                case .held: ("held", nil, nil)
                case .dead, .done: ("none", nil, nil)
                }
            guard row.text(3) == state.0, state.1.map({ $0 == row[9].integer }) ?? true,
                state.2.map({ $0 == row[10].integer }) ?? true, row.integer(4) == machine.wantedRevision,
                row[5].integer == machine.claimedRevision, row.integer(6) == machine.attempt,
                row.integer(7) == machine.crashes, row.integer(8) == machine.aloneCrashes
            else { throw fault("job \(row) instead of \(machine)") }
            guard try JobStore().machine(of: ID(slot.id), on: connection) == machine else {
                throw fault("job \(row) is read as another machine than \(machine)")
            }
        }
        let buried = try connection.rows(.both("SELECT source_id, key FROM \(Table.deadJob)"))
            .map { Address(source: $0.id(0), key: Key(literal: $0.text(1))) }
        guard Set(buried) == dead else { throw fault("\(buried) are dead instead of \(dead)") }
        let available = slots.contains { $0.value.machine.state == .available && !suspended.contains($0.key.source) }
        guard try store.hasAvailable(on: connection) == available else {
            throw fault("hasAvailable is not \(available)")
        }
    }
}

/// The table and the machines do not agree.
struct Divergence: Error, CustomStringConvertible {
    let description: String

    init(_ what: String, seed: UInt64, trace: [String]) {
        description = "MILLRACE_TEST_SEED=\(seed): \(what); before it: \(trace.suffix(24).joined(separator: " · "))"
    }
}
