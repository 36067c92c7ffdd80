package import Core

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

    package init(suffix: String) {
        self.suffix = suffix
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

    package var statusTrigger: Identifier { Identifier("trg_auto_embedding\(suffix)") }
    package var insertTrigger: Identifier { Identifier("trg_auto_embedding_ins\(suffix)") }
    package var updateTrigger: Identifier { Identifier("trg_auto_embedding_upd\(suffix)") }
    package var keyTrigger: Identifier { Identifier("trg_auto_embedding_key\(suffix)") }
    package var deleteTrigger: Identifier { Identifier("trg_auto_embedding_del\(suffix)") }
    package var statusIndex: Identifier { Identifier("idx_embedding_status\(suffix)") }
    package var updatedIndex: Identifier { Identifier("idx_embedding_updated\(suffix)") }
    package var statusView: Identifier { Identifier("v_embedding_status\(suffix)") }
    package var queueView: Identifier { Identifier("v_embedding_queue\(suffix)") }

    package var triggers: [Identifier] {
        [statusTrigger, insertTrigger, updateTrigger, keyTrigger, deleteTrigger]
    }

    package var views: [Identifier] {
        [statusView, queueView]
    }
}
