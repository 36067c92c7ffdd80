import ArgumentParser
import Composition
import Foundation
import Messages

struct Worker: Command {
    static let configuration = CommandConfiguration(
        abstract: "Run one worker process: claim rows, embed them, write the vectors.",
        usage: "millrace worker [--model <model>] [--device <device>] [<options>]",
        discussion: """
              millrace worker
              DATABASE_URL=postgres://millrace@db.example/shop millrace worker

            millrace serve starts workers of its own; start more where you have cores to spare. Any number may work on \
            one database. Ctrl-C or SIGTERM settles what is in hand first.
            """)

    @OptionGroup var options: SharedOptions

    @Option(help: "Rows per claim at most (BATCH_SIZE, 512).")
    var batchSize: Int?

    @Option(help: "auto, cpu or cuda (DEVICE).")
    var device: String?

    @Option(help: "Model to load first (MILLRACE_MODEL).")
    var model: String?

    @Option(help: "The worker's name (WORKER_ID, host and process id).")
    var name: String?

    @Option(help: "HOST:PORT to answer servers on other machines (MILLRACE_INFERENCE_LISTEN, a unix socket).")
    var inferenceListen: String?

    func perform() async throws {
        let settings = try await settings([
            .batchSize: batchSize.map(String.init), .device: device, .model: model, .workerName: name,
            .inferenceListen: inferenceListen,
        ])
        let terminal = Terminal.shared
        let role = WorkerRole(
            settings: settings,
            supervisor: ProcessInfo.processInfo.environment[Child.supervisorVariable].flatMap { Int32($0) },
            logger: serviceLogger(settings, "millrace.worker")
        ) { banner in
            terminal.result(
                terminal.text(
                    .cliWorkerBanner,
                    [
                        "name": banner.name, "device": banner.device, "batch": "\(banner.batchSize)",
                        "poll": "\(banner.pollSeconds)", "model": banner.model,
                    ]))
        }
        try await role.run()
    }
}
