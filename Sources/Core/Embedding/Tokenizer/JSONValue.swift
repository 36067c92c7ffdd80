/// One value of a JSON text (RFC 8259). Objects are lists of pairs, in file order: Swift's `String` compares by canonical
/// equivalence, so a dictionary would merge vocabulary entries that differ only in how their accents are spelled.
enum JSONValue {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits `Int`.
    case integer(Int)
    /// Any other number, unread: nothing in `tokenizer.json` that is used here is one.
    case number
    case string(String)
    case array([JSONValue])
    case object([(name: String, value: JSONValue)])

    /// The kind of value, for an error's sentence.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .integer: "an integer"
        case .number: "a fraction or a number too large"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// A place in a JSON text together with its path, so that every refusal names its field.
struct JSONField {
    let path: String
    /// `nil` where the file has no such field.
    let value: JSONValue?

    /// True where the field is absent or `null`.
    var isNull: Bool {
        switch value {
        case nil, .null: true
        default: false
        }
    }

    /// The member `name` of this object; absent members have a `nil` value. The last of several equal names counts.
    func member(_ name: String) throws(TokenizerError) -> JSONField {
        let value = try members().last { $0.name == name }?.value
        return JSONField(path: path.isEmpty ? name : "\(path).\(name)", value: value)
    }

    func members() throws(TokenizerError) -> [(name: String, value: JSONValue)] {
        guard case .object(let members) = value else { throw mismatch("an object") }
        return members
    }

    func elements() throws(TokenizerError) -> [JSONField] {
        guard case .array(let elements) = value else { throw mismatch("an array") }
        return elements.enumerated().map { JSONField(path: "\(path)[\($0.offset)]", value: $0.element) }
    }

    func string() throws(TokenizerError) -> String {
        guard case .string(let string) = value else { throw mismatch("a string") }
        return string
    }

    func bool() throws(TokenizerError) -> Bool {
        guard case .bool(let bool) = value else { throw mismatch("true or false") }
        return bool
    }

    /// An integer of 0 or more that fits `Int32`, as token ids are.
    func count() throws(TokenizerError) -> Int {
        guard case .integer(let integer) = value, let small = Int32(exactly: integer), small >= 0 else {
            throw mismatch("an integer from 0 to \(Int32.max)")
        }
        return integer
    }

    /// Refuses every value but `expected`, as a kind that is not done here.
    func require(_ expected: String) throws(TokenizerError) {
        let found = try string()
        guard found == expected else {
            throw TokenizerError(.unsupported, path, "is \"\(found)\", and only \"\(expected)\" is read")
        }
    }

    func mismatch(_ wanted: String) -> TokenizerError {
        let place = path.isEmpty ? "the file" : path
        guard let value else { return TokenizerError(.malformed, place, "is missing and must be \(wanted)") }
        if case .integer(let integer) = value {
            return TokenizerError(.malformed, place, "is \(integer) and must be \(wanted)")
        }
        return TokenizerError(.malformed, place, "is \(value.kind) and must be \(wanted)")
    }
}
