import Core
import Glibc
import Synchronization

/// A pipe by which other threads wake one that waits for a socket.
final class Bell: Sendable {
    private let reading: Int32
    private let writing: Int32

    init() throws(DatabaseError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw DatabaseError(
                .io, "no pipe could be made (\(String(cString: strerror(errno)))): raise the limit of open files")
        }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        close(reading)
        close(writing)
    }

    func ring() {
        var byte: UInt8 = 1
        // A full pipe rings as well as one more byte would.
        _ = write(writing, &byte, 1)
    }

    /// Waits until it rings or `socket` has something to read; for as long as it takes where `limit` is nil.
    func wait(beside socket: Int32, for limit: Duration?) {
        var looks = [
            pollfd(fd: reading, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
        ]
        poll(&looks, 2, limit.map { Int32(max(1, $0.microseconds / 1000)) } ?? -1)
        empty()
    }

    /// Waits for `limit`, or until `isOver` when it rings.
    func wait(for limit: Duration, _ isOver: borrowing Atomic<Bool>) {
        let end = ContinuousClock.now + limit
        while !isOver.load(ordering: .acquiring) {
            let left = ContinuousClock.now.duration(to: end)
            guard left > .zero else { return }
            wait(beside: -1, for: left)
        }
    }

    private func empty() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(reading, &bytes, bytes.count) > 0 {}
    }
}
