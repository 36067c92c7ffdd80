import FoundationEssentials
import Glibc

/// How a child process ended.
enum ProgramResult: Equatable {
    case success
    /// It ended otherwise; the last lines it wrote.
    case failure(String)
    case notStarted(String)
}

/// Runs a program found on the PATH to its end and blocks until then. Its output goes to the file `log`; nothing is read
/// from this process, and no shell is involved. `environment` is added to this process's own.
func runProgram(_ program: String, _ arguments: [String], environment: [String: String], log: String) -> ProgramResult {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)

    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
    var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    var envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var child: pid_t = 0
    let error = posix_spawnp(&child, program, &actions, nil, &argv, &envp)
    guard error == 0 else { return .notStarted(String(cString: strerror(error))) }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    guard status != 0 else { return .success }
    let text = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
    return .failure(text.split(whereSeparator: \.isNewline).suffix(4).joined(separator: " "))
}
