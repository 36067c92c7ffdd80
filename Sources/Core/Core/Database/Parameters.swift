/// Values for the named parameters of a statement: `["id": 7, "status": "pending"]`.
///
/// A list and not a dictionary, since a statement has few and runs often: naming and finding one costs a comparison
/// of short strings. Each name is given once.
package struct Parameters: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    private(set) var names: [String]
    private(set) var values: [Value]

    package init(dictionaryLiteral elements: (String, Value)...) {
        names = elements.map(\.0)
        values = elements.map(\.1)
    }

    package var count: Int {
        names.count
    }

    package subscript(_ name: String) -> Value? {
        get { names.firstIndex(of: name).map { values[$0] } }
        set {
            let place = names.firstIndex(of: name)
            switch (place, newValue) {
            case (let place?, let value?): values[place] = value
            case (nil, let value?):
                names.append(name)
                values.append(value)
            case (let place?, nil):
                names.remove(at: place)
                values.remove(at: place)
            case (nil, nil): break
            }
        }
    }

    /// These and one more.
    package func adding(_ name: String, _ value: Value) -> Parameters {
        var parameters = self
        parameters[name] = value
        return parameters
    }

    /// Calls `body` with the value of each of `wanted`, in that order.
    ///
    /// - Precondition: the names are the same, in any order; `statement` is named where they are not.
    package func forEach<Failure: Error>(
        inOrderOf wanted: [String], of statement: @autoclosure () -> String,
        _ body: (_ index: Int, _ value: Value) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(
            count == wanted.count, "values were given for \(names), the statement names \(wanted): \(statement())")
        for index in wanted.indices {
            // Callers mostly write them in the statement's order.
            if names[index] == wanted[index] {
                try body(index, values[index])
            } else if let value = self[wanted[index]] {
                try body(index, value)
            } else {
                preconditionFailure("no value was given for :\(wanted[index]): \(statement())")
            }
        }
    }
}
