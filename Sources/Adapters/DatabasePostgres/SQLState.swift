import Core

/// The server's five-character codes that are told apart (PostgreSQL documentation, appendix A).
struct SQLState: RawRepresentable, Hashable, Sendable {
    let rawValue: String

    static let protocolViolation = SQLState(rawValue: "08P01")
    static let planChanged = SQLState(rawValue: "0A000")
    static let readOnlyTransaction = SQLState(rawValue: "25006")
    static let idleInTransaction = SQLState(rawValue: "25P03")
    static let noSuchStatement = SQLState(rawValue: "26000")
    static let noSuchDatabase = SQLState(rawValue: "3D000")
    static let serializationFailure = SQLState(rawValue: "40001")
    static let deadlock = SQLState(rawValue: "40P01")
    static let insufficientPrivilege = SQLState(rawValue: "42501")
    static let diskFull = SQLState(rawValue: "53100")
    static let tooManyConnections = SQLState(rawValue: "53300")
    static let lockNotAvailable = SQLState(rawValue: "55P03")
    static let objectInUse = SQLState(rawValue: "55006")
    static let queryCanceled = SQLState(rawValue: "57014")
    static let databaseDropped = SQLState(rawValue: "57P04")
    static let indexCorrupted = SQLState(rawValue: "XX002")
    static let dataCorrupted = SQLState(rawValue: "XX001")

    /// The first two characters.
    var group: Substring { rawValue.prefix(2) }

    /// Whether another try of the whole transaction may pass: it collided with another that went on.
    var isConflict: Bool { self == .serializationFailure || self == .deadlock }

    /// Undefined table, column, function, object, schema.
    var namesMissingObject: Bool {
        ["42P01", "42703", "42883", "42704", "3F000", "42P02"].contains(rawValue)
    }
}
