import Dispatch
import Glibc

/// A thread that may block, and that the system knows by its name, as `top -H` and `/proc` show it.
package enum NamedThread {
    private final class Beginning: Sendable {
        let name: String
        let isNamed = DispatchSemaphore(value: 0)
        let body: @Sendable () -> Void

        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts it, and returns when it has its name.
    ///
    /// - Parameter name: at most 15 bytes, or its end is cut off.
    package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let beginning = Beginning(name, body)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let beginning = Unmanaged<Beginning>.fromOpaque(context).takeRetainedValue()
                NamedThread.setName(beginning.name)
                beginning.isNamed.signal()
                beginning.body()
                return nil
            }, Unmanaged.passRetained(beginning).toOpaque())
        precondition(code == 0, "a thread could not be started: \(String(cString: strerror(code)))")
        pthread_detach(thread)
        beginning.isNamed.wait()
    }

    /// Where there is no /proc the thread stays without.
    private static func setName(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, name, name.utf8.count)
        close(file)
    }
}
