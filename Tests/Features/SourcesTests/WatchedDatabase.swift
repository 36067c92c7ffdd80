import Core
import Synchronization

/// A database whose next write can be made to end otherwise than it says.
final class WatchedDatabase: Database {
    enum Event: Sendable {
        /// Runs inside the transaction, after what was asked for.
        case inside(@Sendable () -> Void)
        /// The transaction is committed, and nobody hears of it.
        case unknownCommit
        /// The transaction is undone, and nobody knows.
        case unknownRollback
        /// The transaction is undone, and said to be committed: the server crashed before its disk had it.
        case lost
    }

    private let real: any Database
    private let event = Mutex<Event?>(nil)
    /// Counts the write transactions.
    let writes = Atomic(0)

    init(_ real: any Database) {
        self.real = real
    }

    /// What happens with the next write.
    func next(_ event: Event) {
        self.event.withLock { $0 = event }
    }

    var dialect: Dialect { real.dialect }

    func read<Result: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> Result) async throws -> Result {
        try await real.read(body)
    }

    func write<Result: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> Result) async throws -> Result {
        writes.add(1, ordering: .relaxed)
        let event = event.withLock { event in
            defer { event = nil }
            return event
        }
        let unknown = DatabaseError(.commitUnknown, "whether it was kept is not known")
        switch event {
        case nil: return try await real.write(body)
        case .inside(let action):
            return try await real.write { connection in
                let result = try body(connection)
                action()
                return result
            }
        case .unknownCommit:
            _ = try await real.write(body)
            throw unknown
        case .lost:
            let answer = Mutex<Result?>(nil)
            do {
                try await real.write { connection in
                    let result = try body(connection)
                    // Whatever waits to be sent is sent.
                    _ = try connection.rows(.both("SELECT 1"))
                    answer.withLock { $0 = result }
                    throw unknown
                }
            } catch let error as DatabaseError where error.message == unknown.message {}
            guard let result = answer.withLock(\.self) else { throw unknown }
            return result
        case .unknownRollback:
            return try await real.write { connection in
                _ = try body(connection)
                throw unknown
            }
        }
    }

    func runAlone(_ statement: String) async throws {
        try await real.runAlone(statement)
    }

    func changeMark() async throws -> Int64 { try await real.changeMark() }

    func close() async { await real.close() }
}
