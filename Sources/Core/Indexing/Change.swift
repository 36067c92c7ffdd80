/// What the feed says about one item.
///
/// Changes of one item may arrive more than once and out of order: the revision decides, not the order. Several changes
/// of one item may stand in one group.
package struct Change: Sendable {
    package enum Operation: Sendable {
        /// The item's vector from this revision on: `dimension` finite floats, of unit length where scores are to be
        /// cosines.
        case upsert([Float])
        case remove
    }

    /// The item's number in its collection.
    package let item: Int64
    /// Grows with every change of this item; other items' revisions do not matter.
    package let revision: Int64
    package let operation: Operation

    package init(item: Int64, revision: Int64, operation: Operation) {
        self.item = item
        self.revision = revision
        self.operation = operation
    }

    package static func upsert(_ item: Int64, revision: Int64, _ vector: [Float]) -> Change {
        Change(item: item, revision: revision, operation: .upsert(vector))
    }

    package static func remove(_ item: Int64, revision: Int64) -> Change {
        Change(item: item, revision: revision, operation: .remove)
    }
}
