/// One row of a result: values in the order of the statement's columns.
///
/// Columns are read by position, as the statement beside the call names them: `let (id, key) = (row[0], row[1])`.
package struct Row: Sendable, Hashable {
    package let values: [Value]

    package init(_ values: [Value]) {
        self.values = values
    }

    package var count: Int {
        values.count
    }

    package subscript(_ column: Int) -> Value {
        values[column]
    }

    /// The integer at `column`. It is a fault of the statement, not of the data, when another type stands there.
    package func integer(_ column: Int) -> Int64 {
        guard let integer = values[column].integer else {
            preconditionFailure("column \(column) holds \(values[column]), an integer was expected")
        }
        return integer
    }

    /// The text at `column`; a fault of the statement when another type stands there.
    package func text(_ column: Int) -> String {
        guard let text = values[column].text else {
            preconditionFailure("column \(column) holds \(values[column]), text was expected")
        }
        return text
    }

    package func id<Subject>(_ column: Int, of _: Subject.Type = Subject.self) -> ID<Subject> {
        ID(integer(column))
    }
}
