/// What was moved or compared, in figures.
package struct TransferReport: Sendable, Hashable, Codable {
    package struct Table: Sendable, Hashable, Codable {
        /// As people write it, in the target.
        package var table: String
        package var rows: Int
        /// Whether the copy made the table.
        package var isMade: Bool
    }

    package struct Collection: Sendable, Hashable, Codable {
        package var collection: String
        package var embeddings: Int
        package var jobs: Int
        package var dead: Int
    }

    package var tables: [Table] = []
    package var collections: [Collection] = []
    /// Values compared one by one, both ways.
    package var values = 0

    package init() {}
}

/// How far a copy is.
package struct TransferProgress: Sendable, Hashable {
    package enum Step: String, Sendable, CaseIterable {
        /// Waiting for signs of life of those that were heard of lately.
        case watching
        /// Reading every row once, to choose types and to find what does not fit.
        case examining
        case copyingRows
        case copyingRecords
        case indexing
        case comparingRows
        case comparingRecords
    }

    package let step: Step
    /// The table, collection or database; empty where it is about all of them.
    package let subject: String
    package let done: Int
    package let total: Int

    init(_ step: Step, _ subject: String, _ done: Int, of total: Int) {
        self.step = step
        self.subject = subject
        self.done = done
        self.total = total
    }
}
