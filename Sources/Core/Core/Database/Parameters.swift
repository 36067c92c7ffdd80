/// Values for the named parameters of a statement: `["id": 7, "status": "pending"]`.
///
/// A list and not a dictionary, since a statement has few and runs often: naming and finding one costs a comparison
/// of short strings. Each name is given once.
package struct Parameters: Sendable, ExpressibleByDictionaryLiteral {
    /// Each name and its value. Without labels, as a literal gives them: with labels each literal would be cast, element by
    /// element.
    private var elements: [(String, Value)]

    package init(dictionaryLiteral elements: (String, Value)...) {
        self.elements = elements
    }

    package var count: Int {
        elements.count
    }

    package subscript(_ name: String) -> Value? {
        get { elements.first { $0.0 == name }?.1 }
        set {
            let place = elements.firstIndex { $0.0 == name }
            switch (place, newValue) {
            case (let place?, let value?): elements[place].1 = value
            case (nil, let value?): elements.append((name, value))
            case (let place?, nil): elements.remove(at: place)
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
            count == wanted.count,
            "values were given for \(elements.map(\.0)), the statement names \(wanted): \(statement())")
        for index in wanted.indices {
            // Callers mostly write them in the statement's order.
            if elements[index].0 == wanted[index] {
                try body(index, elements[index].1)
            } else if let value = self[wanted[index]] {
                try body(index, value)
            } else {
                preconditionFailure("no value was given for :\(wanted[index]): \(statement())")
            }
        }
    }
}

extension Parameters: Hashable {
    package static func == (left: Parameters, right: Parameters) -> Bool {
        left.elements.elementsEqual(right.elements, by: ==)
    }

    package func hash(into hasher: inout Hasher) {
        for (name, value) in elements {
            hasher.combine(name)
            hasher.combine(value)
        }
    }
}
