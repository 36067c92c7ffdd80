/// The order of waiting requests and of the threads that serve them, as a value. ``ConnectionPool`` is its shell.
///
/// The thread that went idle last is woken first, so that connections nobody needs stay idle and are closed.
struct RequestLine {
    private var waiting: [(ticket: ObjectIdentifier, request: Request)] = []
    /// Tickets cancelled before their request arrived.
    private var withdrawn: Set<ObjectIdentifier> = []
    private var idle: [Int] = []
    private var threads: Set<Int> = []
    private var lastThread = 0
    private let limit: Int
    private(set) var isClosed = false

    init(threads limit: Int) {
        precondition(limit > 0)
        self.limit = limit
    }

    enum Admission: Equatable {
        case cancelled
        case closed
        /// A thread that is busy now will take it.
        case waits
        case wake(Int)
        case start(Int)
    }

    mutating func admit(_ request: Request, ticket: ObjectIdentifier) -> Admission {
        if isClosed { return .closed }
        if withdrawn.remove(ticket) != nil { return .cancelled }
        waiting.append((ticket, request))
        if let thread = idle.popLast() { return .wake(thread) }
        return start().map(Admission.start) ?? .waits
    }

    /// Counts one more thread, if there may be one.
    mutating func start() -> Int? {
        guard threads.count < limit else { return nil }
        lastThread += 1
        threads.insert(lastThread)
        return lastThread
    }

    enum Step {
        case serve(Request, ticket: ObjectIdentifier)
        case wait
        /// The line is closed and empty.
        case end
    }

    /// What `thread` does now that it has nothing in hand.
    mutating func next(for thread: Int) -> Step {
        if !waiting.isEmpty {
            let (ticket, request) = waiting.removeFirst()
            return .serve(request, ticket: ticket)
        }
        guard !isClosed else {
            threads.remove(thread)
            return .end
        }
        idle.append(thread)
        return .wait
    }

    /// Ends a thread that has waited for long; false where it has just been woken.
    mutating func retire(_ thread: Int) -> Bool {
        guard let place = idle.firstIndex(of: thread) else { return false }
        idle.remove(at: place)
        threads.remove(thread)
        return true
    }

    /// Takes the request out if it still waits.
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

    /// Takes out all that wait.
    mutating func drain() -> [Request] {
        defer { waiting.removeAll() }
        return waiting.map(\.request)
    }

    /// Admits no more; what waits is still served.
    ///
    /// - Returns: the threads to wake, so that they end.
    mutating func close() -> [Int] {
        isClosed = true
        defer { idle.removeAll() }
        return idle
    }
}
