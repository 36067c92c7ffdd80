import Core

extension SQLiteHandle {
    /// Makes sure that the file is in WAL mode, in which readers and a writer do not wait for each other.
    ///
    /// The mode is written in the file and concerns every program that uses it, so only an empty file is turned
    /// without its owner's consent.
    func requireWAL(converting: Bool, busyTimeout: Duration) throws(DatabaseError) {
        guard !isReadOnly else {
            throw DatabaseError(
                .readOnly,
                "\(file) can be read but not written: give this user the right to write the file and its folder")
        }
        if try pragma("PRAGMA journal_mode") == "wal" { return }
        let isEmpty = try statement("PRAGMA page_count").integer() == 0
        guard converting || isEmpty else {
            throw DatabaseError(
                .notWAL,
                "\(file) is in rollback-journal mode, in which programs block each other: agree to WAL mode with --wal (it stays so for all programs)"
            )
        }
        // Another starter may be doing the same at this moment.
        let clock = ContinuousClock()
        let deadline = clock.now + busyTimeout
        while true {
            do throws(DatabaseError) {
                if try pragma("PRAGMA journal_mode = WAL") == "wal" { return }
                throw DatabaseError(
                    .notWAL,
                    "\(file) cannot be turned to WAL mode, its disk does not support shared memory: move it to a local disk"
                )
            } catch {
                guard error.code == .busy, clock.now < deadline else { throw error }
                pauseJittered(.milliseconds(20))
            }
        }
    }

    private func pragma(_ text: String) throws(DatabaseError) -> String? {
        try statement(text).rows([:]).first?[0].text
    }
}
