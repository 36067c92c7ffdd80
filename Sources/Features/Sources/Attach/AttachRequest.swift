import Core

/// What a user asks for with `source add`, checked against the table before anything is changed.
package struct AttachRequest: Sendable {
    package var table: String
    package var key: [String]
    package var text: [String]
    package var template: String?
    package var into: String
    package var status: String?
    package var updated: String?
    package var collection: String?
    package var model: String
    package var dimension: Int
    package var hasViews = true
    /// Objects of other makers that bear our names may be dropped.
    package var replacesObjects = false

    package init(table: String, key: [String], text: [String], into: String, model: String, dimension: Int) {
        self.table = table
        self.key = key
        self.text = text
        self.into = into
        self.model = model
        self.dimension = dimension
    }

    /// The definition that the request means for this table, or why it cannot be.
    ///
    /// - Parameter sources: the sources there are.
    package func definition(for shape: TableShape, beside sources: [Source]) throws(SourceError) -> SourceDefinition {
        let keyColumns = try checkedKey(shape)
        guard !text.isEmpty else {
            throw SourceError(.unknownColumn, "no text column is named: add --text COLUMN")
        }
        var textColumns: [String] = []
        for name in text {
            let column = try shape.column(name, for: "--text")
            guard !column.isGenerated else {
                throw SourceError(
                    .unknownColumn,
                    "column \"\(column.name)\" of \"\(shape.table)\" is generated, and no trigger sees it change: name the columns that it is made from"
                )
            }
            guard column.type?.builtIn != "bytea" else {
                throw SourceError(
                    .unknownColumn, "column \"\(column.name)\" of \"\(shape.table)\" is bytea: name one that holds text"
                )
            }
            textColumns.append(column.name)
        }
        _ = try Template(template, columns: textColumns)
        let vector = try shape.column(into, for: "--into")
        let neighbours = sources.filter { $0.definition.tableName == shape.table && $0.definition.into != vector.name }
        let isFirst = neighbours.isEmpty
        let statusName = status ?? (isFirst ? "embedding_status" : "embedding_status_\(vector.name)")
        let existing = shape.columns.first { $0.name.lowercased() == statusName.lowercased() }
        let updatedColumn =
            if let updated { try shape.column(updated, for: "--updated") } else {
                shape.columns.first { $0.name == "updated_at" && !$0.isGenerated && !textColumns.contains($0.name) }
            }
        try Self.checkRoles([
            ("key", "--key", keyColumns), ("text", "--text", textColumns), ("vector", "--into", [vector.name]),
            ("status", "--status", [existing?.name ?? statusName]),
            ("time", "--updated", updatedColumn.map { [$0.name] } ?? []),
        ])
        if let existing { try Self.checkStatus(existing, in: shape.table) }
        var definition = SourceDefinition(
            table: shape.table.name, key: keyColumns, text: textColumns, template: template, into: vector.name,
            format: try VectorFormat.of(vector, dimension: dimension, in: shape.table),
            status: existing?.name ?? statusName, updated: updatedColumn?.name,
            updatedForm: updatedColumn.map { _ in .text }, model: model, dimension: dimension,
            suffix: ObjectNames.suffix(
                table: shape.table.name, into: vector.name,
                isReference: ObjectNames.referenceColumns.allSatisfy(shape.has), isFirstOfTable: isFirst),
            hasViews: hasViews, madeStatusColumn: existing == nil)
        definition.take(shape)
        return definition
    }

    private func checkedKey(_ shape: TableShape) throws(SourceError) -> [String] {
        let choices = shape.uniqueSets.map { $0.joined(separator: ",") }
        let advice =
            choices.isEmpty
            ? "give the table a PRIMARY KEY or a UNIQUE index on NOT NULL columns"
            : "use --key \(choices.joined(separator: " or --key "))"
        guard !key.isEmpty else {
            throw SourceError(.badKey, "no key column is named for table \"\(shape.table)\": \(advice)")
        }
        var names: [String] = []
        for name in key {
            names.append(try shape.column(name, for: "--key").name)
        }
        guard let set = shape.uniqueSets.first(where: { Set($0) == Set(names) }) else {
            let rule = shape.table.schema == nil ? "" : " by a UNIQUE index over all rows that is not DEFERRABLE"
            throw SourceError(
                .badKey,
                "\(names.joined(separator: ",")) does not identify a row of \"\(shape.table)\"\(rule): \(advice)")
        }
        for column in shape.columns where names.contains(column.name) {
            guard column.isNotNull || column.primaryKeyPlace > 0 else {
                throw SourceError(
                    .badKey,
                    "key column \"\(column.name)\" of \"\(shape.table)\" may be NULL: declare it NOT NULL, or \(advice)"
                )
            }
        }
        // Pages are read in the key's order, for which PostgreSQL needs the index's. SQLite's sources keep the written one,
        // which their stored keys are in.
        return shape.table.schema == nil ? names : set
    }

    /// Millrace writes three of these columns and reads two: none can be two things at once.
    private static func checkRoles(_ roles: [(role: String, flag: String, columns: [String])]) throws(SourceError) {
        for (index, later) in roles.enumerated() {
            for earlier in roles[..<index] where earlier.role != "key" || later.role != "text" {
                guard let name = later.columns.first(where: earlier.columns.contains) else { continue }
                let code: SourceError.Code = later.role == "vector" ? .badVectorColumn : .columnTaken
                throw SourceError(
                    code, "column \"\(name)\" is the \(earlier.role) column already: name another for \(later.flag)")
            }
        }
    }

    private static func checkStatus(_ column: TableShape.Column, in table: TableName) throws(SourceError) {
        let type = column.declaredType.uppercased()
        let holdsWords: Bool
        if let exact = column.type {
            holdsWords = ["text", "varchar", "bpchar"].contains(exact.builtIn) && exact.size ?? 40 >= longestStatus
        } else {
            holdsWords = type.isEmpty || ["CHAR", "CLOB", "TEXT"].contains(where: type.contains)
        }
        guard holdsWords, !column.isGenerated else {
            throw SourceError(
                .columnTaken,
                "column \"\(column.name)\" of \"\(table)\" is \(column.isGenerated ? "generated" : column.declaredType) and cannot hold a status: name another with --status"
            )
        }
    }

    private static let longestStatus = SourceProgress.statuses.map(\.utf8.count).max() ?? 0
}

extension SourceDefinition {
    /// What only PostgreSQL's catalogue says, and its statements need.
    fileprivate mutating func take(_ shape: TableShape) {
        guard shape.table.schema != nil else { return }
        schema = shape.table.schema
        var types: [String: String] = [:]
        for column in shape.columns where key.contains(column.name) || column.name == into {
            types[column.name] = column.type?.quoted
        }
        self.types = types
        let generated = shape.columns.filter { key.contains($0.name) && $0.isGenerated }.map(\.name)
        generatedKeys = generated.isEmpty ? nil : generated
    }
}
