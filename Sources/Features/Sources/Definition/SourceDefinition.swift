package import Core
import FoundationEssentials

/// What a source watches and where it writes: as the user said it, completed by what attaching found out.
///
/// Stored as JSON in `millrace_source.definition`.
package struct SourceDefinition: Codable, Hashable, Sendable {
    /// The user's table.
    package var table: String
    /// Columns that together identify a row: UNIQUE and NOT NULL.
    package var key: [String]
    /// Columns whose text is embedded.
    package var text: [String]
    /// How several columns become one text; see ``Template``.
    package var template: String?
    /// The column that receives the vector.
    package var into: String
    package var format: VectorFormat
    /// The column that shows the row's state.
    package var status: String
    /// A column that is set to the present time when a row is settled.
    package var updated: String?
    package var updatedForm: TimeForm?
    package var model: String
    /// Length of the model's vectors.
    package var dimension: Int
    /// Appended to the names of the objects that Millrace makes; empty for the reference table.
    package var suffix: String
    package var hasViews: Bool
    /// Whether attaching made the status column, so that removing drops it.
    package var madeStatusColumn: Bool
    /// Why Millrace suspended the source of itself, where it did.
    package var fault: String?

    /// How the user's table writes a moment.
    package enum TimeForm: String, Codable, Sendable {
        /// `2026-01-31 12:34:56.789`, UTC, as SQLite's date functions read it.
        case text
        case unixSeconds
        case unixMilliseconds
    }

    package init(
        table: String, key: [String], text: [String], template: String? = nil, into: String,
        format: VectorFormat = .json, status: String = "embedding_status", updated: String? = nil,
        updatedForm: TimeForm? = nil, model: String, dimension: Int, suffix: String = "", hasViews: Bool = true,
        madeStatusColumn: Bool = false
    ) {
        self.table = table
        self.key = key
        self.text = text
        self.template = template
        self.into = into
        self.format = format
        self.status = status
        self.updated = updated
        self.updatedForm = updatedForm
        self.model = model
        self.dimension = dimension
        self.suffix = suffix
        self.hasViews = hasViews
        self.madeStatusColumn = madeStatusColumn
    }

    func encoded() -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(self) else { preconditionFailure("a definition is always valid JSON") }
        return String(decoding: data, as: UTF8.self)
    }

    static func decoded(_ text: String) throws(SourceError) -> SourceDefinition {
        do {
            return try JSONDecoder().decode(SourceDefinition.self, from: Array(text.utf8).data)
        } catch {
            throw SourceError(
                .damaged,
                "a source's definition in Millrace's table of sources cannot be read (\(error)): restore it or remove the row"
            )
        }
    }
}

extension [UInt8] {
    var data: Data { Data(self) }
}

/// How a vector is written into the user's column.
package enum VectorFormat: String, Codable, Hashable, Sendable {
    /// `[0.1,-0.25,…]`, the shortest decimal that reads back as the same float32.
    case json
    /// 4 × dimension bytes, little endian float32.
    case float32

    /// The vector as the column's value.
    package func value(_ vector: some Collection<Float>) -> Value {
        switch self {
        case .float32:
            return .blob(vector.littleEndianBytes)
        case .json:
            var text: [UInt8] = []
            text.reserveCapacity(vector.count * 12 + 2)
            text.append(UInt8(ascii: "["))
            for number in vector {
                if text.count > 1 { text.append(UInt8(ascii: ",")) }
                text.append(contentsOf: number.description.utf8)
            }
            text.append(UInt8(ascii: "]"))
            return .text(String(decoding: text, as: UTF8.self))
        }
    }

    /// The vector that a column's value holds, in either form, or nil where it holds none of `dimension` finite
    /// numbers.
    package static func vector(in value: Value, dimension: Int) -> [Float]? {
        let vector: [Float]
        switch value {
        case .blob(let bytes):
            guard bytes.count == dimension * 4 else { return nil }
            vector = [Float](littleEndianBytes: bytes)
        case .text(let text):
            guard text.first == "[", text.last == "]" else { return nil }
            let parts = text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
            guard parts.count == dimension else { return nil }
            vector = parts.compactMap { Float($0.trimmingSpaces) }
        case .null, .integer, .real:
            return nil
        }
        return vector.count == dimension && vector.allSatisfy(\.isFinite) ? vector : nil
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var trimmed = self
        while trimmed.first?.isWhitespace == true { trimmed.removeFirst() }
        while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
        return trimmed
    }
}
