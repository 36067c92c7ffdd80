/// Values for the named parameters of a statement: `["id": 7, "status": "pending"]`.
///
/// A list and not a dictionary, since a statement has few and runs often: naming and finding one costs a comparison
/// of short strings. Each name is given once.
package struct Parameters: Sendable, ExpressibleByDictionaryLiteral {
    /// As they were written: a literal costs no copy.
    private var elements: [(name: String, value: Value)]

    package init(dictionaryLiteral elements: (String, Value)...) {
        self.elements = elements
    }

    package var count: Int {
        elements.count
    }

    package subscript(_ name: String) -> Value? {
        get { elements.first { $0.name == name }?.value }
        set {
            let place = elements.firstIndex { $0.name == name }
            switch (place, newValue) {
            case (let place?, let value?): elements[place].value = value
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
            "values were given for \(elements.map(\.name)), the statement names \(wanted): \(statement())")
        for index in wanted.indices {
            // Callers mostly write them in the statement's order.
            if elements[index].name == wanted[index] {
                try body(index, elements[index].value)
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
        for element in elements {
            hasher.combine(element.name)
            hasher.combine(element.value)
        }
    }
}
