import CPostgres
import Core
import Foundation
import Logging
import Synchronization

/// A connection for nothing but news: it hears what other processes committed, and tells them of our commits.
///
/// Telling is no part of any transaction: a NOTIFY inside one takes a lock on the whole database at its commit. Calls that
/// come close together become one message.
///
/// `@unchecked Sendable`: `handle`, `backoff` and `sentAt` belong to the thread; the rest is atomic or a pipe.
final class Listener: @unchecked Sendable {
    static let channel = "millrace"

    private let address: ServerAddress
    private let options: PostgresDatabase.Options
    private let logger: Logger
    private let mark = Atomic<Int64>(0)
    private let wantsNotify = Atomic<Bool>(false)
    private let isClosed = Atomic<Bool>(false)
    private let bell: Bell
    private var handle: PostgresHandle?
    private var backoff = Backoff()
    private var sentAt: ContinuousClock.Instant?
    /// Whether the present trouble has been logged.
    private var isTroubled = false

    /// - Parameter address: the server itself, not a pooler, where `options` say that it listens.
    init(_ address: ServerAddress, _ options: PostgresDatabase.Options, logger: Logger) throws(DatabaseError) {
        self.address = address
        self.options = options
        self.logger = logger
        bell = try Bell()
    }

    /// The present mark; see ``Database/changeMark()``.
    var changeMark: Int64 {
        mark.load(ordering: .acquiring)
    }

    /// Moves the mark here, and in a moment everywhere.
    func notify() {
        bump()
        if !wantsNotify.exchange(true, ordering: .acquiringAndReleasing) { bell.ring() }
    }

    func close() {
        isClosed.store(true, ordering: .releasing)
        bell.ring()
    }

    private func bump() {
        mark.add(1, ordering: .acquiringAndReleasing)
    }

    // MARK: The thread

    func start(in running: DispatchGroup) {
        running.enter()
        NamedThread.start("millrace-listen") { [self] in
            while !isClosed.load(ordering: .acquiring) {
                do throws(DatabaseError) {
                    try connect()
                    while !isClosed.load(ordering: .acquiring) { try turn() }
                } catch {
                    recover(error)
                }
            }
            handle = nil
            running.leave()
        }
    }

    private func connect() throws(DatabaseError) {
        let handle = try PostgresHandle.connect(address, options, isWriter: false)
        if options.listens {
            try handle.script("LISTEN \(Self.channel)", until: .now + options.answerPatience)
        }
        self.handle = handle
        backoff.succeeded()
        if isTroubled { logger.info("the database tells of changes again") }
        isTroubled = false
        // Whatever happened before was not heard.
        bump()
    }

    private func recover(_ error: DatabaseError) {
        handle = nil
        if !isTroubled {
            logger.warning("changes are found by polling until the database is back", metadata: ["error": "\(error)"])
        }
        isTroubled = true
        bell.wait(for: backoff.failed(jitter: .random(in: 0..<1)), isClosed)
    }

    /// Waits for news, a wish to tell, or the end; then deals with it.
    private func turn() throws(DatabaseError) {
        guard let handle else { return }
        let isDue = wantsNotify.load(ordering: .acquiring)
        let pause = isDue ? sentAt.map { $0 + options.notifyInterval } : nil
        let left = pause.map { ContinuousClock.now.duration(to: $0) } ?? .zero
        if isDue && left <= .zero {
            wantsNotify.store(false, ordering: .releasing)
            sentAt = .now
            try handle.script("NOTIFY \(Self.channel)", until: .now + options.answerPatience)
        } else {
            bell.wait(beside: handle.socket, for: isDue ? left : nil)
        }
        guard PQconsumeInput(handle.connection) == 1 else { throw handle.lost(nil) }
        hear(handle)
    }

    private func hear(_ handle: PostgresHandle) {
        var isNews = false
        while let notification = PQnotifies(handle.connection) {
            // Our own commits have moved the mark already.
            if notification.pointee.be_pid != PQbackendPID(handle.connection) { isNews = true }
            PQfreemem(notification)
        }
        if isNews { bump() }
    }
}
