import Foundation
import Synchronization

/// Lets a thread wait for a task or the other way round; each opening lets one pass.
package final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let opened = Atomic<Bool>(false)

    package init() {}

    package var isOpen: Bool { opened.load(ordering: .acquiring) }

    package func open() {
        opened.store(true, ordering: .releasing)
        semaphore.signal()
    }

    /// Blocks the thread.
    package func wait() { semaphore.wait() }

    package func passed() async {
        await withCheckedContinuation { continuation in
            Thread {
                self.wait()
                continuation.resume()
            }.start()
        }
    }
}
