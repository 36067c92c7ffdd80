import ArgumentParser
import Composition
import Messages

struct Search: Command {
    static let configuration = CommandConfiguration(
        abstract: "Find rows by meaning, through the running server.",
        usage: "millrace search <text> ... [--collection <collection>] [<options>]",
        discussion: """
              millrace search "corrosion resistant bolt for outdoors"
              millrace search "방수 커넥터" --collection parts --k 5 --json
            """)

    @OptionGroup var options: SharedOptions
    @OptionGroup var output: JSONOption

    @Argument(help: "What to look for, in words.")
    var text: [String]

    @Option(help: "Only in this collection.")
    var collection: String?

    @Option(help: "How many results, 1 to 10,000.")
    var k = 10

    @Option(help: "HTTP port of the server (PORT, 8000).")
    var port: Int?

    func perform() async throws {
        let settings = try await settings([.port: port.map(String.init)])
        let answer = try await ServerClient(settings: settings).search(
            text.joined(separator: " "), k: k, collection: collection)
        if output.json { return try printJSON(answer) }
        let terminal = Terminal.shared
        guard !answer.results.isEmpty else { return terminal.result(terminal.text(.cliSearchNothing)) }
        let several = Set(answer.results.map(\.collection)).count > 1
        var table = TextTable(
            [(terminal.text(.searchScore), .right), (terminal.text(.columnKey), .left)]
                + (several ? [(terminal.text(.columnCollection), .left)] : [])
                + [(terminal.text(.columnText), .left)])
        for result in answer.results {
            let score = "0.\(String(Int((result.score * 1000).rounded())).paddedLeft(to: 3).replacing(" ", with: "0"))"
            table.add(
                [result.score >= 1 ? "1.000" : result.score < 0 ? "\(result.score)" : score, result.key]
                    + (several ? [result.collection] : []) + [result.text])
        }
        table.lines(width: terminal.width).forEach(terminal.result)
        terminal.note(
            terminal.text(.cliSearchTook, ["count": answer.results.count.grouped, "ms": "\(answer.tookMs)"]))
    }
}
