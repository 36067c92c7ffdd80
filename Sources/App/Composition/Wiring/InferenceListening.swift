import FoundationEssentials
import InferenceRPC
import Secrets

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Where a worker answers queries, and what it writes into the registry about that.
struct InferenceListening: Sendable {
    let listener: InferenceListener
    var token: Secret?
    /// For TCP: the name by which servers reach it; port 0 stands for the one that was bound.
    var advertised: HostPort?
    var isSecure = false

    /// A unix socket in the data folder, or in the system's folder for short-lived files where the path would be longer
    /// than a socket's may be.
    static func socket(_ settings: Settings) throws(Failure) -> InferenceListening {
        let folder = settings.home + "/run"
        let path = "\(folder)/worker-\(ThisProcess.id).sock"
        let chosen = path.utf8.count <= InferenceServer.longestPath ? folder : "/tmp/millrace-\(getuid())"
        do {
            try FileManager.default.createDirectory(
                atPath: chosen, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure(
                .noPermission, "the folder \(chosen) cannot be made: set MILLRACE_HOME to a folder that you may write")
        }
        return InferenceListening(listener: .unix(path: "\(chosen)/worker-\(ThisProcess.id).sock"))
    }

    /// What the registry says. - Parameter port: the bound one.
    func endpoint(_ port: Int?) -> InferenceEndpoint {
        switch listener {
        case .unix(let path): return .unix(path: path)
        case .tcp(let place, _):
            let name = advertised ?? place
            let reached = HostPort(host: name.host, port: name.port == 0 ? port ?? place.port : name.port)
            return isSecure ? .tls(reached) : .tcp(reached)
        }
    }

    /// Runs `body`, which listens, and says in a sentence why it could not.
    func translated<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            guard case .tcp(let place, _) = listener else { throw error }
            throw Failure(
                .temporary,
                "cannot listen on \(place) for servers elsewhere (\(error)): stop the other program there, or choose another address with --inference-listen"
            )
        }
    }
}
