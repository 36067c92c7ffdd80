import Core

extension SQLiteDatabase {
    /// How a file is opened. The defaults are those of the product; tests and the benchmark turn them.
    package struct Options: Sendable {
        /// Whether a missing file is created (in WAL mode); its folder is never created.
        package var createsFile = true
        /// Whether the owner has agreed that an existing file be turned to WAL mode for good.
        package var convertsToWAL = false
        /// Reader connections, each on a thread of its own: as many reads run in parallel.
        package var readers = 4
        /// Whether each commit waits for the disk, so that it survives a power cut (`synchronous=FULL`); without it
        /// the last commits may be lost then, the file stays whole.
        package var isDurable = true
        /// How long a write waits for another program's lock before it fails with ``DatabaseError/Code/busy``.
        package var busyTimeout = Duration.seconds(10)
        /// A group commit takes no more bodies once it has held the database's lock for this long; a debt of as much is
        /// repaid (``LockDebt``). Measured on 2 busy cores, a Python program that commits every 10 ms beside two busy
        /// writers: 15 ms leave it 60–80 % of its pace, 5 ms 95 % and more, and cost a sixth of the writers' rows.
        package var groupLimit = Duration.milliseconds(5)
        /// A read that took longer is logged as a warning.
        package var slowRead = Duration.seconds(1)
        /// Pages in the write-ahead log from which the writer moves them to the file, after it has answered its
        /// callers. Below SQLite's 1,000, where a user's program would have to do it within a commit of its own.
        package var checkpointPages = 800

        package init() {}
    }
}
