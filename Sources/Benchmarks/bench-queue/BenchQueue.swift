import Core
import Foundation
import Logging

/// Drives the queue's own code, ``JobStore`` on a database, for Benchmarks/queue.py, which reads the one line of JSON that
/// each command prints.
///
/// Every command takes the database's URL and `name=value` pairs. Jobs are of a source that watches no table.
@main
struct BenchQueue {
    static let usage = """
        bench-queue fill    URL [available=N] [scheduled=N]             makes the schema, the source and jobs
        bench-queue drain   URL [batch=100] [lanes=1] [wait=0] [seconds=S] [waits-for-go=1]
                                                                        claims and settles until nothing is left, or S seconds
        bench-queue claims  URL [batch=100] [samples=300]               times claims while as many jobs wait as at the start
        bench-queue bare    FILE [batch=100]                            drains a SQLite file by its C interface alone
        """

    static func main() async {
        do {
            try await run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            FileHandle.standardError.write(Data("bench-queue: \(error)\n".utf8))
            exit(1)
        }
    }

    static func run(_ words: [String]) async throws {
        guard words.count >= 2 else { throw Failure(message: usage) }
        let numbers = try numbers(words.dropFirst(2))
        if words[0] == "bare" {
            let counts = try BareQueue(file: words[1], batch: numbers["batch"] ?? 100).drain()
            return print(counts.json)
        }
        let database = try await open(words[1])
        switch words[0] {
        case "fill":
            try await QueueFiller(database: database).fill(
                available: numbers["available"] ?? 0, scheduled: numbers["scheduled"] ?? 0)
        case "drain":
            let drain = Drain(
                database: database, batch: numbers["batch"] ?? 100, wait: .milliseconds(numbers["wait"] ?? 0),
                seconds: numbers["seconds"])
            if numbers["waits-for-go"] == 1 {
                print("ready")
                fflush(nil)
                _ = readLine()
            }
            print(try await drain.run(lanes: numbers["lanes"] ?? 1).json)
        case "claims":
            let claims = ClaimTimes(database: database, batch: numbers["batch"] ?? 100)
            print(try await claims.measure(samples: numbers["samples"] ?? 300))
        default: throw Failure(message: usage)
        }
        await database.close()
    }

    private static func numbers(_ words: some Sequence<String>) throws -> [String: Int] {
        var numbers: [String: Int] = [:]
        for word in words {
            let parts = word.split(separator: "=")
            guard parts.count == 2, let number = Int(parts[1]) else { throw Failure(message: usage) }
            numbers[String(parts[0])] = number
        }
        return numbers
    }
}

struct Failure: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}
