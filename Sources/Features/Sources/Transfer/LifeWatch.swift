import Core

/// Looks whether a worker or a server lives on a database. What counts is that it moves; the clock only spares the wait
/// for those that have not been heard of for long.
struct LifeWatch: Sendable {
    /// Older signs of life are none.
    private static let horizon = Duration.seconds(60)

    let database: any Database
    /// Longer than a server's pause between two signs of life.
    var patience = Duration.seconds(8)

    /// - Parameter progress: seconds that were waited, where there is somebody to wait for.
    /// - Throws: ``TransferError/Code/inUse`` as soon as one moves.
    func requireNone(in place: String, _ progress: (TransferProgress) -> Void) async throws {
        let before = try await signs()
        guard !before.isEmpty else { return }
        let began = ContinuousClock.now
        while case let waited = began.duration(to: .now), waited < patience {
            progress(
                TransferProgress(
                    .watching, place, Int(waited.components.seconds), of: Int(patience.components.seconds)))
            try await Task.sleep(for: .milliseconds(250))
            guard let living = try await signs().first(where: { before[$0.key] != $0.value }) else { continue }
            throw TransferError(
                .inUse, "\(living.key) works on \(place): stop every millrace serve and worker there, then copy")
        }
    }

    /// A number for each that may live, which grows for as long as it does.
    private func signs() async throws -> [String: Int64] {
        let since: Parameters = ["since": Value(Timestamp.now() - Self.horizon)]
        return try await database.read { connection in
            let workers = try connection.rows(Self.workers, since).map { row in
                ("worker \(row.text(0)) (process \(row.integer(2)) on \(row.text(1)))", row.integer(3))
            }
            let servers = try connection.rows(Self.servers, since).map { row in
                ("the server of \(row.text(0))", row.integer(1))
            }
            return Dictionary(workers + servers, uniquingKeysWith: max)
        }
    }

    private static let workers = SQL.both(
        """
        SELECT name, host, pid, beat FROM \(Table.worker)
        WHERE state IN ('starting', 'ready', 'draining') AND beat_at > :since
        """)

    private static let servers = SQL.both("SELECT name, seen_at FROM \(Table.follower) WHERE seen_at > :since")
}
