/// A user's table being watched, and how far its embedding has come.
package struct SourceStatus: Encodable, Sendable, Equatable {
    package enum State: String, Encodable, Sendable {
        /// Rows that were there before it was attached are being scheduled.
        case backfilling
        case active
        case suspended
    }

    /// Rows by `embedding_status`; the sum is ``SourceStatus/total``.
    package struct Counts: Encodable, Sendable, Equatable {
        package var pending: Int
        package var processing: Int
        package var completed: Int
        package var failed: Int
        package var skipped: Int

        package init(pending: Int = 0, processing: Int = 0, completed: Int = 0, failed: Int = 0, skipped: Int = 0) {
            self.pending = pending
            self.processing = processing
            self.completed = completed
            self.failed = failed
            self.skipped = skipped
        }
    }

    package var collection: String
    package var table: String
    /// The key columns.
    package var key: [String]
    /// The text columns.
    package var text: [String]
    /// The column that receives the vector.
    package var into: String
    package var model: String
    package var state: State
    package var counts: Counts
    package var total: Int
    /// 0 … 100.
    package var progressPercentage: Double
    /// Seconds until nothing is pending at the present rate; nil (JSON `null`) when the rate is not known.
    package var etaSeconds: Double?
    /// Why the source stands still, or its rows cannot be counted: a sentence; nil (JSON `null`) where all is well.
    package var fault: String?

    package init(
        collection: String, table: String, key: [String], text: [String], into: String, model: String, state: State,
        counts: Counts, total: Int, progressPercentage: Double, etaSeconds: Double?,
        fault: String? = nil
    ) {
        self.collection = collection
        self.table = table
        self.key = key
        self.text = text
        self.into = into
        self.model = model
        self.state = state
        self.counts = counts
        self.total = total
        self.progressPercentage = progressPercentage
        self.etaSeconds = etaSeconds
        self.fault = fault
    }

    private enum CodingKeys: String, CodingKey {
        case collection, table, key, text, into, model, state, counts, total, progressPercentage, etaSeconds, fault
    }

    /// Written out so that an unknown time is `null`: the synthesised method would leave the name out.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(collection, forKey: .collection)
        try container.encode(table, forKey: .table)
        try container.encode(key, forKey: .key)
        try container.encode(text, forKey: .text)
        try container.encode(into, forKey: .into)
        try container.encode(model, forKey: .model)
        try container.encode(state, forKey: .state)
        try container.encode(counts, forKey: .counts)
        try container.encode(total, forKey: .total)
        try container.encode(progressPercentage, forKey: .progressPercentage)
        try container.encode(etaSeconds, forKey: .etaSeconds)
        try container.encode(fault, forKey: .fault)
    }
}
