import FoundationEssentials

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// This process and its machine.
package enum ThisProcess {
    package static let version = "0.1.0"

    package static var id: Int32 { getpid() }

    /// The machine's name.
    package static var host: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, 255)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The file of this program, so that the server can start workers of the same build.
    package static var executable: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    /// Lets other programs go first: every thread there is, for Linux keeps the value per thread, and those that come
    /// after inherit it. The database's writer alone stays as it is: it holds the lock that a user's program waits for,
    /// and must not be kept from finishing by the model's threads.
    ///
    /// - Parameter nice: 0 to 19.
    package static func standBack(by nice: Int) {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        for thread in threads.compactMap(UInt32.init) {
            let name = FileManager.default.contents(atPath: "/proc/self/task/\(thread)/comm") ?? Data()
            if String(decoding: name, as: UTF8.self).hasPrefix("millrace-writer") { continue }
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), thread, Int32(nice))
        }
    }
}
