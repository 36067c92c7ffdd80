import Core

extension VectorFormat {
    /// The form that fits the column, or why none does.
    static func of(
        _ column: TableShape.Column, dimension: Int, in table: TableName
    ) throws(SourceError) -> VectorFormat {
        func refuse(_ reason: String) -> SourceError {
            SourceError(.badVectorColumn, "column \"\(column.name)\" of \"\(table)\" is \(reason)")
        }
        guard !column.isGenerated else { throw refuse("generated: name a plain one for --into") }
        guard !column.isNotNull else {
            throw refuse(
                "NOT NULL, but a row without text has no vector: allow NULL, or name another for --into")
        }
        guard let type = column.type else {
            if let format = ofSQLite(column.declaredType.uppercased()) { return format }
            throw refuse(
                "\(column.declaredType), which cannot hold a vector: use a TEXT column (JSON) or a BLOB column (float32)"
            )
        }
        guard let format = ofPostgres(type) else {
            throw refuse(
                "\(column.declaredType), which cannot hold a vector: use text, jsonb, real[], double precision[], bytea (float32), or pgvector's vector(\(dimension))"
            )
        }
        guard let size = type.size, type.schema == "pg_catalog" ? size < 16 * dimension : size != dimension else {
            return format
        }
        throw refuse(
            format == .json
                ? "\(column.declaredType), too short for \(dimension) numbers: make it text"
                : "\(column.declaredType), but the model's vectors have \(dimension) numbers: make it \(type.name)(\(dimension)), or name another model with --model"
        )
    }

    /// By SQLite's affinity rules.
    private static func ofSQLite(_ type: String) -> VectorFormat? {
        if type.contains("INT") { return nil }
        if ["CHAR", "CLOB", "TEXT", "JSON"].contains(where: type.contains) { return .json }
        return type.isEmpty || type.contains("BLOB") ? .float32 : nil
    }

    private static func ofPostgres(_ type: TableShape.ColumnType) -> VectorFormat? {
        switch (type.builtIn, type.name) {
        case ("text", _), ("varchar", _): .json
        case ("json", _): .jsonDocument
        case ("jsonb", _): .jsonb
        case ("bytea", _): .float32
        case ("_float4", _): .realArray
        case ("_float8", _): .doubleArray
        case ("", "vector"): .vector
        case ("", "halfvec"): .halfvec
        default: nil
        }
    }
}
