/// Sees what users commit on PostgreSQL, which tells nobody of it, and wakes the workers; and gives the feed its order.
///
/// A notification in a user's own transaction would make all of them wait for each other. A look each few milliseconds
/// by one server costs two glances at indexes instead.
package struct WakeUp: Sendable {
    /// Between two looks of the server that does the queue's upkeep, and of the others, who only stand by.
    package static let pause = Duration.milliseconds(5)
    package static let standbyPause = Duration.milliseconds(250)
    /// A notification can be lost: while work waits it is told again after this long.
    private static let repetition = Duration.milliseconds(100)
    private static let entriesAtOnce = 5000

    private let database: any Database
    private var toldAt: ContinuousClock.Instant?

    package init(database: any Database) {
        self.database = database
    }

    /// One look. - Returns: whether there is more to be done at once.
    package mutating func look(now: ContinuousClock.Instant) async throws -> Bool {
        let seen = try await database.read { connection -> (isFed: Bool, isWanted: Bool) in
            let row = try connection.row(Self.lookSQL)
            return (row?.integer(0) == 1, row?.integer(1) == 1)
        }
        var moved = 0
        if seen.isFed {
            moved = try await database.write { connection in
                try FeedStore().sequence(limit: Self.entriesAtOnce, on: connection)
            }
        }
        guard seen.isWanted else {
            toldAt = nil
            return moved == Self.entriesAtOnce
        }
        if toldAt.map({ $0.duration(to: now) >= Self.repetition }) ?? true {
            toldAt = now
            try await database.write { connection in connection.notify() }
        }
        return moved == Self.entriesAtOnce
    }

    private static let lookSQL = SQL(
        postgres: """
            SELECT EXISTS (SELECT 1 FROM \(Table.feedIn)), EXISTS (
                SELECT 1 FROM \(Table.job)
                WHERE state = 'available' AND crashes >= 0
                    AND source_id NOT IN (SELECT id FROM \(Table.source) WHERE state = 'suspended'))
            """)
}
