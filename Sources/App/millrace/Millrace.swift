import ArgumentParser
import Composition

/// The one command line: each subcommand is thin and lives in a file of its own.
@main
struct Millrace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "millrace",
        abstract: "Keeps embeddings in step with your data.",
        discussion: """
            Attach a table, write rows, find them by meaning a moment later:

              millrace sample parts              a table to play with
              millrace serve                     server, index and a worker
              millrace search "stainless bolt"

            Your own table:

              millrace source add --table products --key id --text title --into vec

            Settings come from flags, the environment and millrace.env in the data folder; millrace doctor prints each \
            with its origin.
            """,
        version: ThisProcess.version,
        subcommands: [
            ServeCommand.self, Worker.self, Source.self, Jobs.self, Search.self, Models.self, Status.self, Doctor.self,
            DatabaseCommand.self, Sample.self, Bench.self,
        ])
}
