import Core

/// The order of waiting requests, as a value: what is taken, withdrawn and expired. ``RequestQueue`` is its shell.
struct RequestLine {
    private var waiting: [(ticket: ObjectIdentifier, request: Request)] = []
    /// Tickets cancelled before their request arrived.
    private var withdrawn: Set<ObjectIdentifier> = []
    private(set) var isClosed = false

    var isEmpty: Bool { waiting.isEmpty }

    enum Admission: Equatable {
        case admitted, cancelled, closed
    }

    mutating func admit(_ request: Request, ticket: ObjectIdentifier) -> Admission {
        if isClosed { return .closed }
        if withdrawn.remove(ticket) != nil { return .cancelled }
        waiting.append((ticket, request))
        return .admitted
    }

    /// Takes the request out if it still waits; one that is running runs to its end.
    mutating func withdraw(_ ticket: ObjectIdentifier) -> Request? {
        guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else {
            withdrawn.insert(ticket)
            return nil
        }
        return waiting.remove(at: index).request
    }

    /// Ends the submission that `ticket` stands for.
    mutating func forget(_ ticket: ObjectIdentifier) {
        withdrawn.remove(ticket)
    }

    /// Takes the oldest request if it is of `kind`. O(waiting).
    mutating func take(_ kind: Request.Kind) -> Request? {
        guard let first = waiting.first, first.request.kind == kind else { return nil }
        return waiting.removeFirst().request
    }

    var next: Request.Kind? { waiting.first?.request.kind }

    /// Puts requests back that must run again, before all others.
    mutating func putBack(_ requests: [Request]) {
        waiting.insert(contentsOf: requests.map { (ObjectIdentifier($0), $0) }, at: 0)
    }

    /// Takes out those that arrived before `moment`.
    mutating func expire(before moment: ContinuousClock.Instant) -> [Request] {
        let expired = waiting.filter { $0.request.arrived < moment }.map(\.request)
        if !expired.isEmpty { waiting.removeAll { $0.request.arrived < moment } }
        return expired
    }

    /// Takes out all.
    mutating func drain() -> [Request] {
        defer { waiting.removeAll() }
        return waiting.map(\.request)
    }

    /// Admits no more; what waits is still served.
    mutating func close() {
        isClosed = true
    }
}
