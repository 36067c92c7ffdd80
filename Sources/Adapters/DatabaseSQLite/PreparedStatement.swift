import Core
internal import GRDBSQLite

/// A compiled statement with the names of its parameters resolved once.
///
/// Used by its connection's thread alone.
final class PreparedStatement {
    private let pointer: OpaquePointer
    private unowned let handle: SQLiteHandle
    private let text: String
    /// Name of parameter i + 1, without the colon.
    private let names: [String]
    /// Whether it leaves the file as it is.
    let readsOnly: Bool

    /// Tells the library to copy what is bound: the values' storage need not outlive the call.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    init(_ text: String, on handle: SQLiteHandle, _ connection: OpaquePointer) throws(DatabaseError) {
        var pointer: OpaquePointer?
        var hasTail = false
        let code = text.withCString { start in
            var tail: UnsafePointer<CChar>?
            let code = sqlite3_prepare_v3(
                connection, start, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, &tail)
            if code == SQLITE_OK, let tail, tail.pointee != 0 {
                // What follows may be white space or a comment, which compiles to nothing.
                var second: OpaquePointer?
                hasTail = sqlite3_prepare_v3(connection, tail, -1, 0, &second, nil) != SQLITE_OK || second != nil
                sqlite3_finalize(second)
            }
            return code
        }
        guard code == SQLITE_OK else {
            throw handle.failure(code, statement: text)
        }
        guard let pointer, !hasTail else {
            preconditionFailure("one statement was expected here, script() takes several: \(text)")
        }
        self.pointer = pointer
        self.handle = handle
        self.text = text
        readsOnly = sqlite3_stmt_readonly(pointer) != 0
        names = (0..<sqlite3_bind_parameter_count(pointer)).map { index in
            guard let name = sqlite3_bind_parameter_name(pointer, index + 1) else {
                preconditionFailure("parameters have names, as :name: \(text)")
            }
            return String(cString: name + 1)
        }
    }

    deinit {
        sqlite3_finalize(pointer)
    }

    /// Runs it to its end and drops the rows that it may return. O(parameters) besides the statement's own work.
    func run(_ parameters: Parameters) throws(DatabaseError) {
        try bind(parameters)
        var code = sqlite3_step(pointer)
        while code == SQLITE_ROW {
            code = sqlite3_step(pointer)
        }
        try end(code)
    }

    /// Runs it and collects its rows.
    func rows(_ parameters: Parameters) throws(DatabaseError) -> [Row] {
        try bind(parameters)
        var rows: [Row] = []
        var code = sqlite3_step(pointer)
        // Asked after the first step, which compiles it anew where the schema has changed.
        let columns = sqlite3_column_count(pointer)
        while code == SQLITE_ROW {
            rows.append(Row((0..<columns).map(column)))
            code = sqlite3_step(pointer)
        }
        try end(code)
        return rows
    }

    /// The first column of the first row as an integer, 0 where there is none; for pragmas.
    func integer() throws(DatabaseError) -> Int64 {
        let code = sqlite3_step(pointer)
        guard code == SQLITE_ROW else {
            try end(code)
            return 0
        }
        let integer = sqlite3_column_int64(pointer, 0)
        sqlite3_reset(pointer)
        return integer
    }

    /// Makes it ready for its next run, and reports what ended this one.
    private func end(_ code: Int32) throws(DatabaseError) {
        guard code == SQLITE_DONE else {
            let failure = handle.failure(code, statement: text)
            sqlite3_reset(pointer)
            throw failure
        }
        sqlite3_reset(pointer)
    }

    private func bind(_ parameters: Parameters) throws(DatabaseError) {
        try parameters.forEach(inOrderOf: names, of: text) { index, value throws(DatabaseError) in
            let code = bind(value, at: Int32(index + 1))
            guard code == SQLITE_OK else {
                throw handle.failure(code, statement: text)
            }
        }
    }

    private func bind(_ value: Value, at index: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(pointer, index)
        case .integer(let integer): return sqlite3_bind_int64(pointer, index, integer)
        case .real(let real): return sqlite3_bind_double(pointer, index, real)
        case .text(var text):
            return text.withUTF8 { bytes in
                guard let start = bytes.baseAddress else {
                    return sqlite3_bind_text(pointer, index, "", 0, Self.copied)
                }
                return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                    sqlite3_bind_text64(pointer, index, $0, UInt64(bytes.count), Self.copied, UInt8(SQLITE_UTF8))
                }
            }
        case .blob(let bytes):
            // A null pointer would bind NULL.
            if bytes.isEmpty { return sqlite3_bind_zeroblob(pointer, index, 0) }
            return sqlite3_bind_blob64(pointer, index, bytes, UInt64(bytes.count), Self.copied)
        }
    }

    private func column(_ index: Int32) -> Value {
        switch sqlite3_column_type(pointer, index) {
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(pointer, index))
        case SQLITE_FLOAT: .real(sqlite3_column_double(pointer, index))
        // Bytes that are not Unicode, which SQLite stores as they come, are repaired.
        case SQLITE_TEXT:
            .text(
                String(
                    decoding: UnsafeBufferPointer(
                        start: sqlite3_column_text(pointer, index), count: Int(sqlite3_column_bytes(pointer, index))),
                    as: UTF8.self))
        case SQLITE_BLOB:
            .blob(
                [UInt8](
                    UnsafeRawBufferPointer(
                        start: sqlite3_column_blob(pointer, index), count: Int(sqlite3_column_bytes(pointer, index)))))
        default: .null
        }
    }
}
