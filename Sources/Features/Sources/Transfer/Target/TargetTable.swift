import Core

/// A table of PostgreSQL's that rows are copied into and compared with.
struct TargetTable: Sendable {
    struct Column: Sendable {
        let name: String
        let form: ColumnForm
        /// The type as it is written into a cast.
        let type: String
        /// Where its value stands in a row of the origin's.
        let place: Int
    }

    let name: TableName
    /// Those that the origin has too and that are written.
    let columns: [Column]
    /// The origin's key columns, in its order; each is among `columns`.
    let key: [Column]
    let origin: OriginTable
    /// Places of status columns, in a row of the origin's.
    let statusPlaces: Set<Int>

    /// - Parameter sources: those that watch the origin's table.
    /// - Throws: ``TransferError/Code/badTarget`` where a column is missing or of a type that cannot be copied into.
    init(_ shape: TableShape, for origin: OriginTable, _ sources: [Source]) throws(TransferError) {
        var columns: [Column] = []
        let dimensions = Dictionary(
            sources.map { ($0.definition.into, $0.definition.dimension) }, uniquingKeysWith: { first, _ in first })
        for (place, column) in origin.columns.enumerated() {
            guard let found = shape.columns.first(where: { $0.name == column.name }) else {
                // A status column is made with the source.
                if sources.contains(where: { $0.definition.status == column.name }) { continue }
                throw TransferError(
                    .badTarget,
                    "table \(shape.table) of the target has no column \"\(column.name)\": add it, or let millrace db copy make the table"
                )
            }
            guard !found.isGenerated else { continue }
            guard let type = found.type, let form = ColumnForm(type, dimension: dimensions[column.name]) else {
                throw TransferError(
                    .badTarget,
                    "column \"\(found.name)\" of \(shape.table) in the target is \(found.declaredType), into which Millrace copies nothing: make it text, or let millrace db copy make the table"
                )
            }
            columns.append(Column(name: found.name, form: form, type: type.quoted, place: place))
        }
        name = shape.table
        self.columns = columns
        self.origin = origin
        statusPlaces = Set(sources.compactMap { origin.place(of: $0.definition.status) })
        key = try Self.key(origin, columns, shape)
    }

    private static func key(
        _ origin: OriginTable, _ columns: [Column], _ shape: TableShape
    ) throws(TransferError) -> [Column] {
        var key: [Column] = []
        for name in origin.key {
            guard let column = columns.first(where: { $0.name == name }) else {
                throw TransferError(
                    .badTarget,
                    "key column \"\(name)\" of \(shape.table) is generated in the target, so that no row can be written by its key: make it a plain column"
                )
            }
            key.append(column)
        }
        return key
    }

    // MARK: Rows

    /// The row's values as this table is to have them, before they are put into its types: what nobody works on here yet is
    /// waiting.
    func expected(_ row: Row) -> Row {
        guard !statusPlaces.isEmpty else { return row }
        var values = row.values
        for place in statusPlaces where values[place] == .text("processing") { values[place] = .text("pending") }
        return Row(values)
    }

    /// - Returns: nil where a value has no place in its column, which is then the second of the pair.
    func parameters(for row: Row) -> (parameters: Parameters, misfit: Column?) {
        var parameters: Parameters = [:]
        for (index, column) in columns.enumerated() {
            guard let value = column.form.written(row[column.place]) else { return (parameters, column) }
            parameters["c\(index)"] = value
        }
        return (parameters, nil)
    }

    /// - Parameter passesKnown: rows whose key is there already are passed by.
    func insert(passesKnown: Bool) -> SQL {
        let names = columns.map { Identifier($0.name) }.list
        let marks = columns.indices.map { ":c\($0)" }.joined(separator: ", ")
        let conflict = passesKnown ? " ON CONFLICT (\(key.map { Identifier($0.name) }.list)) DO NOTHING" : ""
        return SQL(
            postgres: "INSERT INTO \(name.quoted)(\(names)) OVERRIDING SYSTEM VALUE VALUES (\(marks))\(conflict)")
    }

    /// Rows by their keys, one array of text for each key column: the key's place in the arrays, then all columns.
    var find: SQL {
        let names = key.indices.map { "k\($0)" }
        let arrays = names.map { ":\($0)::text[]" }.joined(separator: ", ")
        let same = zip(key, names).map { "t.\(Identifier($0.name)) = wanted.\($1)::\($0.type)" }
        let read = columns.map { $0.form.read("t.\(Identifier($0.name))") }
        return SQL(
            postgres: """
                SELECT wanted.place, \(read.joined(separator: ", "))
                FROM unnest(\(arrays)) WITH ORDINALITY AS wanted(\(names.joined(separator: ", ")), place)
                    JOIN \(name.quoted) AS t ON \(same.joined(separator: " AND "))
                """)
    }

    /// The keys of the next rows, in the order of the key's own types.
    func keys(isFirst: Bool) -> SQL {
        let names = key.map { Identifier($0.name) }
        let marks = key.enumerated().map { ":k\($0)::\($1.type)" }.joined(separator: ", ")
        let after = isFirst ? "" : "WHERE (\(names.list)) > (\(marks))"
        let read = key.map { $0.form.read(Identifier($0.name).quoted) }.joined(separator: ", ")
        return SQL(postgres: "SELECT \(read) FROM \(name.quoted) \(after) ORDER BY \(names.list) LIMIT :limit")
    }
}

extension Value {
    /// As an element of an array of text, which is then put into its type.
    var element: String? {
        switch self {
        case .null: nil
        case .integer(let integer): String(integer)
        case .real(let real): String(real)
        case .text(let text): text
        case .blob(let bytes): "\\x" + bytes.hexadecimal
        }
    }
}
