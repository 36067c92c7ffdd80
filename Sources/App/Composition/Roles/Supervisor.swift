import Core
import Dispatch
import FoundationEssentials
import Logging
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Starts the server's own workers, starts them again with a growing pause when they die, and has what a dead one held
/// freed at once.
struct Supervisor: Sendable {
    let count: Int
    let scheduler: QueueScheduler
    let logger: Logger

    /// Keeps the workers running until the group shuts down, then lets them finish.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            for place in 1...max(count, 1) where count > 0 {
                group.addTask { await keep(place) }
            }
        }
        if count == 0 { try? await gracefulShutdown() }
    }

    /// Keeps one worker's place filled.
    private func keep(_ place: Int) async {
        var failures = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            guard let child = Child.start(arguments: ["worker"], environment: Child.variables) else {
                logger.error(
                    "a worker could not be started", metadata: ["error": "\(String(cString: strerror(errno)))"])
                return
            }
            let began = ContinuousClock.now
            // Cancelled where another part failed, a port in use for one: without a word to the child, that would be
            // waited for here for ever, and nobody would hear of the failure.
            let end = await withTaskCancellationHandler {
                await withGracefulShutdownHandler {
                    await child.wait()
                } onGracefulShutdown: {
                    child.terminate()
                }
            } onCancel: {
                child.terminate()
            }
            if Task.isShuttingDownGracefully || Task.isCancelled { return }
            await freeWhat(child.pid, held: end)
            guard end.isWorthRestarting else {
                logger.error(
                    "a worker ended for a reason that a restart does not mend; fix it and start millrace again",
                    metadata: ["worker": "\(place)", "end": "\(end)"])
                return
            }
            failures = began.duration(to: .now) > .seconds(30) ? 1 : failures + 1
            let pause = min(0.2 * Double(1 << min(failures - 1, 8)), end.longestPause)
            logger.warning(
                "a worker ended and is started again",
                metadata: ["worker": "\(place)", "end": "\(end)", "pause": "\(pause) s"])
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(pause)) }
        }
    }

    private func freeWhat(_ pid: Int32, held end: Child.End) async {
        do {
            for worker in try await scheduler.incarnations(host: ThisProcess.host, pid: pid) {
                try await scheduler.declareLost(worker, because: "\(end)")
            }
        } catch {
            // The lease finds it a few seconds later.
            logger.warning("a dead worker's jobs could not be freed yet", metadata: ["error": "\(error)"])
        }
    }
}

/// A child process of this program's own file.
package struct Child: Sendable {
    /// Where a worker learns the process id of the server that started it.
    package static let supervisorVariable = "MILLRACE_SUPERVISED"

    /// What a worker's environment has beyond this process's: who started it, and none of the tokens that it needs not.
    static var variables: [String: String] {
        let withheld = [Setting.adminToken, .adminTokenFile, .inferenceToken, .inferenceTokenFile]
        return Dictionary(uniqueKeysWithValues: withheld.map { ($0.rawValue, "") })
            .merging([supervisorVariable: "\(ThisProcess.id)"]) { $1 }
    }

    let pid: Int32

    /// How a process ended.
    enum End: Sendable, CustomStringConvertible {
        case exited(Int32)
        case killed(signal: Int32)

        /// A wrong setting, a missing model or a wrong command line stay wrong; a stalled or busy worker may recover.
        var isWorthRestarting: Bool {
            switch self {
            case .killed: true
            case .exited(let code):
                ![Failure.Exit.usage, .config, .data, .unavailable, .noPermission].map(\.rawValue).contains(code)
            }
        }

        /// The longest pause before a restart, in seconds. A killed process may have been killed by its input, which is found
        /// by restarting soon; one that ends itself has said that it cannot go on.
        var longestPause: Double {
            switch self {
            case .killed: 3
            case .exited: 30
            }
        }

        var description: String {
            switch self {
            case .exited(let code): "exit code \(code)"
            case .killed(let signal): "signal \(signal)"
            }
        }
    }

    /// Starts this program's file with other arguments; output goes where this process's goes.
    ///
    /// The child begins with no signal blocked or ignored, whatever this process does with signals, and with no file of
    /// this process: a worker that outlives a killed server must not keep its port.
    static func start(arguments: [String], environment: [String: String]) -> Child? {
        let path = ThisProcess.executable
        var variables = ProcessInfo.processInfo.environment
        variables.merge(environment) { $1 }
        let argv = ([path] + arguments).map { strdup($0) } + [nil]
        let envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for text in argv + envp { free(text) }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // Its own process group: a Ctrl-C reaches the server alone, which then ends its workers in order.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        keepFilesFromChildren()
        var pid = pid_t()
        guard posix_spawn(&pid, path, nil, &attributes, argv, envp) == 0 else { return nil }
        return Child(pid: pid)
    }

    /// Marks every open file but the three standard ones to be closed in children. (Sockets of the HTTP server are not
    /// opened so, and the C library's function that closes them all at a start is hidden from Swift.)
    private static func keepFilesFromChildren() {
        guard let folder = opendir("/proc/self/fd") else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let descriptor = Int32(name), descriptor > 2 else { continue }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    /// Waits on a thread of its own until the process has ended.
    func wait() async -> End {
        let pid = pid
        return await withCheckedContinuation { continuation in
            DispatchQueue(label: "wait for \(pid)").async {
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                let signal = status & 0x7f
                continuation.resume(returning: signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: signal))
            }
        }
    }

    func terminate() {
        kill(pid, SIGTERM)
    }
}
