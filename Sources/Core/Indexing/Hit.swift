/// One answer of a search.
package struct Hit: Sendable, Hashable {
    package let item: Int64
    /// The inner product of query and vector, from the stored float32 values, each product and the sum in double, added
    /// in the order of the components. For unit vectors this is the cosine.
    package let score: Double

    package init(item: Int64, score: Double) {
        self.item = item
        self.score = score
    }
}

extension Hit {
    /// Whether this hit stands before the other: the higher score first, equal scores by ascending item.
    func precedes(_ other: Hit) -> Bool {
        score != other.score ? score > other.score : item < other.item
    }
}
