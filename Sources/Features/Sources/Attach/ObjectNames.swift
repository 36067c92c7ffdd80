package import Core
import Embedding

/// The names of what Millrace makes in the user's database for one source.
///
/// The reference table has the plain names; every other table has its own name as suffix, so that no two sources
/// collide.
package struct ObjectNames: Hashable, Sendable {
    /// The table whose objects bear the plain names.
    package static let referenceTable = "parts_master_features"

    /// The columns that the reference table's queue view shows.
    package static let referenceColumns = ["id", "part_id", "feature_text"]

    package let suffix: String
    /// Bytes that the database keeps of a name; nil where there is no limit.
    private let longest: Int?

    package init(suffix: String, longest: Int? = nil) {
        self.suffix = suffix
        self.longest = longest
    }

    /// The name that `index` has on one partition, where the suffix is the partition's.
    func part(of index: Identifier) -> Identifier {
        name(index.name)
    }

    /// The name with the suffix; one that is too long is cut, and told from its like by a hash.
    private func name(_ base: String) -> Identifier {
        let whole = base + suffix
        guard let longest, whole.utf8.count > longest else { return Identifier(whole) }
        var hash = SHA256()
        hash.add(whole)
        let mark = "_" + hash.finish().prefix(8)
        var cut = whole
        while cut.utf8.count + mark.utf8.count > longest { cut.unicodeScalars.removeLast() }
        return Identifier(cut + mark)
    }

    /// The suffix for a source of `table`.
    ///
    /// - Parameters:
    ///   - isReference: whether the table has the columns of the reference table.
    ///   - isFirstOfTable: whether no other source watches the table.
    package static func suffix(
        table: String, into column: String, isReference: Bool, isFirstOfTable: Bool
    ) -> String {
        switch (table == referenceTable && isReference, isFirstOfTable) {
        case (true, true): ""
        case (false, true): "_\(table)"
        case (_, false): "_\(table)_\(column)"
        }
    }

    /// On SQLite it enqueues, on PostgreSQL it writes the status.
    package var statusTrigger: Identifier { name("trg_auto_embedding") }
    package var insertTrigger: Identifier { name("trg_auto_embedding_ins") }
    package var updateTrigger: Identifier { name("trg_auto_embedding_upd") }
    package var deleteTrigger: Identifier { name("trg_auto_embedding_del") }
    /// SQLite alone.
    package var keyTrigger: Identifier { name("trg_auto_embedding_key") }
    /// PostgreSQL alone, as the two after it.
    package var truncateTrigger: Identifier { name("trg_auto_embedding_trunc") }
    package var againTrigger: Identifier { name("trg_auto_embedding_again") }
    package var pendingFunction: Identifier { name("trg_embedding_pending") }
    package var statusIndex: Identifier { name("idx_embedding_status") }
    package var updatedIndex: Identifier { name("idx_embedding_updated") }
    package var statusView: Identifier { name("v_embedding_status") }
    package var queueView: Identifier { name("v_embedding_queue") }

    package var views: [Identifier] {
        [statusView, queueView]
    }
}
