import Core
import Foundation
import Synchronization
import Testing

@testable import Sources

/// A SQLite installation and an empty PostgreSQL database that it moves to.
struct Move: Sendable {
    let origin: Workshop
    let target: Workshop
    let steps = Steps()

    /// - Parameter schema: of the origin; the reference table where none is given.
    init(_ schema: String? = nil) async throws {
        origin = try await Workshop(.sqlite, schema)
        target = try await Workshop(.postgres, "")
    }

    /// What the copy told of itself.
    final class Steps: Sendable {
        private let all = Mutex<[TransferProgress]>([])
        var list: [TransferProgress] { all.withLock { $0 } }

        func add(_ progress: TransferProgress) {
            all.withLock { $0.append(progress) }
        }
    }

    func transfer(_ change: (inout Transfer.Options) -> Void = { _ in }, into database: (any Database)? = nil)
        -> Transfer
    {
        var options = Transfer.Options()
        options.patience = .milliseconds(300)
        change(&options)
        let space = origin.embedder.space
        return Transfer(
            from: .init(origin.database, "the origin"), to: .init(database ?? target.database, "the target"),
            options: options, spaces: { $0 == "hash" ? space : nil })
    }

    @discardableResult
    func run(_ change: (inout Transfer.Options) -> Void = { _ in }) async throws -> Transfer.Outcome {
        try await transfer(change).run { steps.add($0) }
    }

    func verify() async throws -> TransferReport {
        try await transfer().verify { _ in }
    }

    /// Workers of the origin that ran in this test said no goodbye.
    func stopWorkers() throws {
        try origin.shell("UPDATE millrace_worker SET state = 'stopped'")
    }

    /// Every source of the target's, whose rows are all in step by its own sweep, with nothing left to embed.
    func expectNothingToDo(_ location: SourceLocation = #_sourceLocation) async throws {
        let sources = try await target.database.read { try SourceStore().all(on: $0) }
        #expect(!sources.isEmpty, sourceLocation: location)
        for source in sources {
            #expect(try await target.sweep(source).isClean, "\(source.collection)", sourceLocation: location)
            #expect(
                try await target.database.read { try ObjectCheck(source).missing(on: $0) } == [],
                sourceLocation: location)
        }
        try await target.work()
        #expect(target.embedder.texts == [], sourceLocation: location)
    }

    /// Nothing is left of a copy that did not come about.
    func expectUntouched(_ location: SourceLocation = #_sourceLocation) async throws {
        try await TransferMark.requireNone(in: target.database)
        let left = try target.shell(
            """
            SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace;
            SELECT collection FROM millrace_source; SELECT key FROM millrace_embedding; SELECT key FROM millrace_job;
            SELECT proname FROM pg_proc WHERE pronamespace = 'millrace'::regnamespace AND proname LIKE 'source%';
            """)
        #expect(left == "", sourceLocation: location)
    }
}

/// The sentence of the ``TransferError`` that `body` throws, nil where it throws none.
func transferRefusal<Result>(
    _ body: () async throws -> Result
) async throws -> (code: TransferError.Code, message: String)? {
    do {
        _ = try await body()
        return nil
    } catch let error as TransferError {
        return (error.code, error.message)
    }
}
