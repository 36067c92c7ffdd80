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

    /// Lets other programs go first. - Parameter nice: 0 to 19.
    package static func standBack(by nice: Int) {
        _ = setpriority(__priority_which_t(0), 0, Int32(nice))
    }
}
