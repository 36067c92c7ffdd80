import Core

/// Reads a user's table in SQLite, page after page in the order of a source's key, each page a transaction of its own.
struct OriginRows: Sendable {
    let table: OriginTable
    private let database: any Database
    private let keyPlaces: [Int]

    init(_ table: OriginTable, in database: any Database) {
        self.table = table
        self.database = database
        keyPlaces = table.key.map { name in
            guard let place = table.place(of: name) else { preconditionFailure("a table has its key's columns") }
            return place
        }
    }

    /// The row's key.
    func key(of row: Row) -> [Value] {
        keyPlaces.map { row[$0] }
    }

    /// The next rows, all columns in the table's order.
    func page(after key: [Value]?, limit: Int) async throws -> [Row] {
        let keys = table.key.map { Identifier($0) }
        var parameters: Parameters = ["limit": Value(limit)]
        for (index, value) in (key ?? []).enumerated() { parameters["k\(index)"] = value }
        let marks = keys.indices.map { ":k\($0)" }.joined(separator: ", ")
        let after = key == nil ? "" : "WHERE (\(keys.list)) > (\(marks))"
        let select = SQL(
            sqlite: """
                SELECT \(table.columns.map { Identifier($0.name) }.list) FROM \(Identifier(table.name))
                \(after) ORDER BY \(keys.list) LIMIT :limit
                """)
        return try await database.read { [parameters] connection in try connection.rows(select, parameters) }
    }

    /// Calls `body` with every page; memory is bounded by the page.
    ///
    /// - Throws: ``TransferError/Code/doesNotFit`` where keys that are no UTF-8 make pages come again.
    func forEachPage(_ body: ([Row]) async throws -> Void) async throws {
        var size = PageSize()
        var key: [Value]?
        while true {
            let limit = size.rows
            let page = try await page(after: key, limit: limit)
            size.learn(rows: page.count, bytes: page.reduce(0) { $0 + $1.byteCount })
            if !page.isEmpty { try await body(page) }
            guard page.count == limit, let last = page.last.map(self.key(of:)) else { return }
            // Read with U+FFFD in the place of what is no text, such keys come before themselves.
            guard Key(last) != key.map({ Key($0) }) else {
                throw TransferError(
                    .doesNotFit,
                    "the keys of \"\(table.name)\" from \(Key(last)) on are not UTF-8, so that its rows cannot be told apart: write these keys anew as UTF-8"
                )
            }
            key = last
        }
    }

    func count() async throws -> Int {
        let name = Identifier(table.name)
        return try await database.read { connection in
            Int(try connection.row(.both("SELECT COUNT(*) FROM \(name)"))?.integer(0) ?? 0)
        }
    }

    /// Whether there is a row of each of these keys.
    func exist(_ keys: [[Value]]) async throws -> [Bool] {
        let pairs = table.key.enumerated().map { "\(Identifier($1)) = :k\($0)" }.joined(separator: " AND ")
        let select = SQL(sqlite: "SELECT 1 FROM \(Identifier(table.name)) WHERE \(pairs)")
        return try await database.read { connection in
            try keys.map { key in
                var parameters: Parameters = [:]
                for (index, value) in key.enumerated() { parameters["k\(index)"] = value }
                return try connection.row(select, parameters) != nil
            }
        }
    }

    /// The bytes of a text as they are stored; nil where the row is not found by its key, which then is broken itself.
    func bytes(of column: String, key: [Value]) async throws -> [UInt8]? {
        let pairs = table.key.enumerated().map { "\(Identifier($1)) = :k\($0)" }.joined(separator: " AND ")
        let select = SQL(
            sqlite: "SELECT CAST(\(Identifier(column)) AS BLOB) FROM \(Identifier(table.name)) WHERE \(pairs)")
        var parameters: Parameters = [:]
        for (index, value) in key.enumerated() { parameters["k\(index)"] = value }
        return try await database.read { [parameters] connection in try connection.row(select, parameters)?[0].blob }
    }
}

extension Row {
    /// About what its values take in memory.
    var byteCount: Int {
        values.reduce(0) { sum, value in
            switch value {
            case .null, .integer, .real: sum + 8
            case .text(let text): sum + text.utf8.count + 16
            case .blob(let bytes): sum + bytes.count + 16
            }
        }
    }
}
