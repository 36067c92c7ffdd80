import Core

/// Gives a recorded hash the form that it has where the target renders the row's input.
///
/// Nearly every source embeds texts and integers, which both databases render alike. A number with decimals they do not:
/// SQLite's `5.0` is PostgreSQL's `5`. The vector then stands for the input as the target spells it, or else every such row
/// would be embedded again.
struct InputRespelling: Sendable {
    private let origin: Source
    private let target: Source
    private let originDatabase: any Database
    private let targetDatabase: any Database

    /// nil where the two databases render every input of the source alike.
    init?(_ pair: SourcePair, _ table: TargetTable, from originDatabase: any Database, to targetDatabase: any Database)
    {
        let isAlike = pair.origin.definition.text.allSatisfy { name in
            table.columns.first { $0.name == name }.map { $0.form == .text || $0.form == .integer } ?? false
        }
        guard !isAlike else { return nil }
        origin = pair.origin
        target = pair.target
        self.originDatabase = originDatabase
        self.targetDatabase = targetDatabase
    }

    /// A hash that is recorded for a row, with the space that is part of it.
    struct Recorded {
        let key: Key
        let targetKey: Key
        let hash: Value
        let space: String
    }

    /// As many hashes as were given. One that stands for another input than the row's present one stays as it is.
    func respell(_ recorded: [Recorded]) async throws -> [Value] {
        let (origin, target) = (origin, target)
        let (keys, targetKeys) = (recorded.map(\.key), recorded.map(\.targetKey))
        let before = try await originDatabase.read { connection in
            try SourceRows(origin).read(keys, on: connection)
        }
        let after = try await targetDatabase.read { connection in
            try SourceRows(target).read(targetKeys, on: connection)
        }
        let templates = (try origin.template, try target.template)
        return recorded.indices.map { index in
            let record = recorded[index]
            guard let old = Self.hash(before[index], templates.0, record.space), .blob(old) == record.hash,
                let new = Self.hash(after[index], templates.1, record.space)
            else { return record.hash }
            return .blob(new)
        }
    }

    private static func hash(_ values: [Value]?, _ template: Template, _ space: String) -> [UInt8]? {
        guard let values, let text = try? template.render(values) else { return nil }
        return inputHash(text, space: space)
    }
}
