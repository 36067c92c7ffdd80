import ArgumentParser
import Composition
import Embedding
import Messages

struct Bench: Command {
    static let configuration = CommandConfiguration(
        abstract: "Measure this machine: texts per second through the model, alone.",
        usage: "millrace bench [--texts <texts>] [<options>]",
        discussion: """
              millrace bench --texts 500

            The full comparison with other programs is make bench in a checkout.
            """)

    @OptionGroup var options: SharedOptions
    @OptionGroup var output: JSONOption

    @Option(help: "How many texts.")
    var texts = 2000

    private struct Report: Encodable {
        let device: String
        let texts: Int
        let meanTokens: Double
        let seconds: Double
        let textsPerSecond: Double
        let queryMs: Double
    }

    func perform() async throws {
        let settings = try await settings()
        let terminal = Terminal.shared
        let embedder = try await ModelHost(settings: settings, logger: quietLogger(settings)).embedder(
            for: settings.model)
        let sample = BenchTexts.texts(max(1, texts))
        _ = try await embedder.embed(Array(sample.prefix(64)), urgency: .bulk)
        var line = ProgressLine(terminal.text(.cliEmbedding))
        let clock = ContinuousClock()
        let began = clock.now
        var tokens = 0
        for start in stride(from: 0, to: sample.count, by: 512) {
            let embeddings = try await embedder.embed(
                Array(sample[start..<min(start + 512, sample.count)]), urgency: .bulk)
            tokens += embeddings.tokenCounts.reduce(0) { $0 + Int($1) }
            line.show(min(start + 512, sample.count), of: sample.count)
        }
        line.end()
        let seconds =
            Double((clock.now - began).components.attoseconds) / 1e18 + Double((clock.now - began).components.seconds)
        let query = try await clock.measure {
            for text in sample.prefix(20) { _ = try await embedder.embed([text], urgency: .interactive) }
        }
        let report = Report(
            device: embedder.device, texts: sample.count, meanTokens: Double(tokens) / Double(sample.count),
            seconds: seconds, textsPerSecond: Double(sample.count) / seconds,
            queryMs: Double(query.components.attoseconds) / 1e15 / 20 + Double(query.components.seconds) * 50)
        if output.json { return try printJSON(report) }
        terminal.result(
            terminal.text(
                .cliBenchResult,
                [
                    "device": report.device, "texts": report.texts.grouped, "tokens": report.meanTokens.twoDecimals,
                    "rate": Int(report.textsPerSecond).grouped, "query": report.queryMs.twoDecimals,
                ]))
    }
}
