import Core

/// One row's job told again from Docs/JobStates.md, in the plainest way: it keeps what happened since the last wish as
/// a list, and every number is counted from that list.
struct NaiveRow {
    enum Place: Equatable {
        case nowhere
        case waiting
        case waitingUntil(Int64)
        case inHand(Int64)
        case heldForAPerson
        case dead
    }

    enum Event: Equatable {
        case failure
        case crashInCompany
        case crashAlone
    }

    var place = Place.waiting
    var wishes: Int64 = 1
    var wishesWhenClaimed: Int64?
    var sinceLastWish: [Event] = []
    /// Whether the user's table has the row, which the queue only learns by reading.
    var isInTable = true
    /// The wish that the present vector answers.
    var embeddedWish: Int64 = 0

    func count(_ event: Event) -> Int { sinceLastWish.filter { $0 == event }.count }

    var failures: Int { count(.failure) }
    var crashes: Int { count(.crashInCompany) + count(.crashAlone) }

    mutating func wish() {
        wishes += 1
        sinceLastWish = []
        isInTable = true
        if case .inHand = place { return }
        place = .waiting
    }

    mutating func take(_ fence: Int64) {
        place = .inHand(fence)
        wishesWhenClaimed = wishes
    }

    /// - Parameter earliest: the shortest pause that the policy allows, and the longest.
    mutating func report(
        _ outcome: JobMachine.Outcome, _ fence: Int64, now: Int64, settlement: JobMachine.Settlement
    ) -> Bool {
        guard place == .inHand(fence) else { return settlement == .ignored }
        if wishes != wishesWhenClaimed || outcome == .changed {
            place = .waiting
            return settlement == .requeued
        }
        switch outcome {
        case .finished:
            place = .nowhere
            embeddedWish = wishes
            return settlement == .done
        case .gone:
            place = .nowhere
            return settlement == .done
        case .changed:
            return false
        case .throttled(let pause):
            place = .waitingUntil(now + pause.microseconds)
            return settlement == .retrying(at: Timestamp(microseconds: now + pause.microseconds))
        case .failed(let isRetryable):
            sinceLastWish.append(.failure)
            if !isRetryable || failures == 5 {
                place = .dead
                return settlement == .dead
            }
            let longest: Int64 = [2_000_000, 4_000_000, 8_000_000, 16_000_000][failures - 1]
            guard case .retrying(let moment) = settlement else { return false }
            place = .waitingUntil(moment.microseconds)
            let pause = moment.microseconds - now
            return pause >= longest / 2 && pause < longest
        }
    }

    mutating func handBack(_ fence: Int64) {
        if place == .inHand(fence) { place = .waiting }
    }

    mutating func lose(_ fence: Int64, isInModel: Bool, isAlone: Bool) {
        guard place == .inHand(fence) else { return }
        place = .waiting
        guard isInModel else { return }
        sinceLastWish.append(isAlone ? .crashAlone : .crashInCompany)
        if count(.crashAlone) == 3 { place = .heldForAPerson }
    }

    mutating func becomeDue(now: Int64) {
        if case .waitingUntil(let moment) = place, moment <= now { place = .waiting }
    }

    /// What is wrong with the machine, or nil where it says the same.
    func difference(to machine: JobMachine) -> String? {
        let expected: JobMachine.State =
            switch place {
            case .nowhere: .done
            case .waiting: .available
            case .waitingUntil(let moment): .scheduled(at: Timestamp(microseconds: moment))
            case .inHand(let fence): .running(fence: fence)
            case .heldForAPerson: .held
            case .dead: .dead
            }
        guard machine.state == expected else { return "\(machine.state) instead of \(expected)" }
        guard machine.wantedRevision == wishes, machine.claimedRevision == wishesWhenClaimed else {
            return "revisions \(machine.wantedRevision), \(machine.claimedRevision ?? 0) instead of \(wishes)"
        }
        guard machine.attempt == failures else { return "attempt \(machine.attempt) instead of \(failures)" }
        guard machine.crashes == crashes, machine.aloneCrashes == count(.crashAlone) else {
            return "crashes \(machine.crashes), \(machine.aloneCrashes) instead of \(sinceLastWish)"
        }
        return nil
    }
}

/// Staleness by its sentence: adds up, anew at each look, what was seen since the beat changed last.
struct NaiveWatch {
    let lease: Duration
    let longestStep: Duration
    private var looks: [Int: (beat: Int64, moments: [ContinuousClock.Instant])] = [:]

    init(lease: Duration, longestStep: Duration) {
        self.lease = lease
        self.longestStep = longestStep
    }

    mutating func look(at beats: [Int: Int64], now: ContinuousClock.Instant) -> [Int] {
        var stale: [Int] = []
        var kept: [Int: (beat: Int64, moments: [ContinuousClock.Instant])] = [:]
        for (worker, beat) in beats {
            var moments = looks[worker].map { $0.beat == beat ? $0.moments : [] } ?? []
            moments.append(now)
            var seen = Duration.zero
            for (earlier, later) in zip(moments, moments.dropFirst()) {
                seen += min(earlier.duration(to: later), longestStep)
            }
            if seen >= lease { stale.append(worker) }
            kept[worker] = (beat, moments)
        }
        looks = kept
        return stale.sorted()
    }
}
