/// A statement's text as a key, told apart byte by byte: Swift's strings are equal where Unicode calls them equivalent, so
/// two column names that differ only in how an accent is composed would share a statement.
package struct StatementText: Hashable, Sendable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
