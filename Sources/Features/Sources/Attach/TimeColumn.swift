import Core

extension TableShape.Column {
    /// How the table writes moments into this column: as its type says, or else as its newest row does.
    func timeForm(in table: TableName, on connection: any Connection) throws -> SourceDefinition.TimeForm {
        switch type?.builtIn {
        case "timestamptz": return .timestamptz
        case "timestamp": return .timestamp
        case "date": return .date
        case nil, "int4", "int8", "float4", "float8", "numeric", "text", "varchar": break
        default:
            throw SourceError(
                .unknownColumn,
                "column \"\(name)\" of \"\(table)\" is \(declaredType), which holds no moment: name another with --updated, best a timestamptz"
            )
        }
        let column = Identifier(name)
        guard try table.schema == nil || mayRead(table, on: connection) else { return formOfType }
        // Numbers of every type are read as one that has decimals.
        let read = ["float4", "float8", "numeric"].contains(type?.builtIn) ? "\(column)::float8" : column.quoted
        let sample = try connection.row(
            .both("SELECT \(read) FROM \(table.quoted) WHERE \(column) IS NOT NULL LIMIT 1"))
        switch sample?[0] {
        case .integer(let number): return number > 100_000_000_000 ? .unixMilliseconds : .unixSeconds
        case .real: return .unixSeconds
        case .text: return .text
        case .null, .blob, nil: return formOfType
        }
    }

    private var formOfType: SourceDefinition.TimeForm {
        if let type { return ["text", "varchar"].contains(type.builtIn) ? .text : .unixSeconds }
        return declaredType.uppercased().contains("INT") || declaredType.uppercased() == "REAL" ? .unixSeconds : .text
    }

    /// Who only prints the SQL for a table's owner may not.
    private func mayRead(_ table: TableName, on connection: any Connection) throws(DatabaseError) -> Bool {
        let row = try connection.row(
            SQL(postgres: "SELECT pg_catalog.has_column_privilege(:table, :column, 'SELECT')"),
            ["table": .text(table.quoted), "column": .text(name)])
        return row?.integer(0) == 1
    }

    /// The time zone of a `timestamp`: the one that the database gives to those who name none, as the owner's programs
    /// mostly do. nil for every other type.
    func zone(on connection: any Connection) throws(DatabaseError) -> String? {
        guard type?.builtIn == "timestamp" else { return nil }
        return try connection.row(
            SQL(postgres: "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone'"))?[0].text
    }
}

extension SourceDefinition {
    /// Finds out how the time column is written. One that nobody asked for and that holds no moment is left alone.
    mutating func settleTime(_ shape: TableShape, isAskedFor: Bool, on connection: any Connection) throws {
        guard let updated else { return }
        do {
            let column = try shape.column(updated, for: "--updated")
            updatedForm = try column.timeForm(in: shape.table, on: connection)
            zone = try column.zone(on: connection)
        } catch is SourceError where !isAskedFor {
            (self.updated, updatedForm) = (nil, nil)
        }
    }
}
