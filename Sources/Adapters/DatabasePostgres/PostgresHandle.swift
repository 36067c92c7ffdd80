import CPostgres
import Core
import Glibc

/// One connection of libpq to one server. Nothing in it blocks without a limit: it waits for the socket itself.
///
/// `@unchecked Sendable`: it is used by one thread at a time, by the agreement of its owners (``ConnectionThread``,
/// ``Listener``), and holds no lock of its own.
final class PostgresHandle: @unchecked Sendable {
    let place: String
    let role: String
    let connection: OpaquePointer
    /// Whether statements are prepared once and kept; see ``PostgresDatabase/Options/preparesStatements``.
    let preparesStatements: Bool
    var statements: [StatementText: PreparedStatement] = [:]
    /// Counts the names of prepared statements, none of which is given twice on one connection.
    var statementCount = 0
    var buffer = ParameterBuffer()
    /// Set where an answer failed to come; nothing that comes later can be told from it.
    private var gaveUp = false
    /// Whether the present transaction only reads.
    var readsOnly = false
    /// What the last refusal's code was.
    private(set) var lastState: SQLState?

    private init(_ connection: OpaquePointer, _ address: ServerAddress, preparesStatements: Bool) {
        self.connection = connection
        self.preparesStatements = preparesStatements
        place = address.place
        role = PQuser(connection).map { String(cString: $0) } ?? "?"
    }

    deinit {
        PQfinish(connection)
    }

    // MARK: Connecting

    /// The oldest server that has what the schema and the triggers use.
    private static let oldestVersion: Int32 = 130_000

    /// Connects and looks whether the server is one that we can use. Blocks up to ``ServerAddress/patience(_:)``.
    static func connect(
        _ address: ServerAddress, _ options: PostgresDatabase.Options, isWriter: Bool
    ) throws(DatabaseError) -> PostgresHandle {
        let parameters = address.parameters(options)
        let connection = withCStrings(parameters.map(\.keyword)) { keywords in
            withCStrings(parameters.map(\.value)) { values in PQconnectStartParams(keywords, values, 0) }
        }
        guard let connection else {
            throw DatabaseError(
                .io, "there is no memory left to connect to \(address.place): free some, then try again")
        }
        let handle = PostgresHandle(connection, address, preparesStatements: options.preparesStatements)
        // With its code, the only part of a refusal that no language setting changes.
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        try handle.establish(within: address.patience(options))
        PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
        PQsetnonblocking(connection, 1)
        // Notices go nowhere: what matters to us comes as an answer.
        PQsetNoticeReceiver(connection, { _, _ in }, nil)
        try handle.check(isWriter: isWriter)
        return handle
    }

    private func establish(within patience: Duration) throws(DatabaseError) {
        let deadline = ContinuousClock.now + patience
        var step = PGRES_POLLING_WRITING
        while PQstatus(connection) != CONNECTION_BAD {
            switch step {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_FAILED: break
            default:
                let events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT
                guard waitForSocket(Int16(events), until: deadline) else {
                    throw DatabaseError(
                        .io,
                        "\(place) did not answer for \(patience.seconds) s: check host and port, and that the server runs"
                    )
                }
            }
            step = PQconnectPoll(connection)
            if step == PGRES_POLLING_FAILED { break }
        }
        throw DatabaseError.connecting(Self.words(of: connection), Circumstances(place: place, role: role))
    }

    private func check(isWriter: Bool) throws(DatabaseError) {
        let version = PQserverVersion(connection)
        guard version >= Self.oldestVersion else {
            throw DatabaseError(
                .cannotOpen,
                "\(place) is PostgreSQL \(version / 10_000), which has no row triggers on partitioned tables: use version 13 or newer"
            )
        }
        if let encoding = parameterStatus("server_encoding"), encoding != "UTF8" {
            throw DatabaseError(
                .cannotOpen,
                "the database \(place) has the encoding \(encoding), in which not every text can be written: create one with ENCODING 'UTF8' TEMPLATE template0 and move the data there"
            )
        }
        let isReplica =
            parameterStatus("in_hot_standby") == "on" || parameterStatus("default_transaction_read_only") == "on"
        if isWriter && isReplica {
            throw DatabaseError(
                Refusal(state: .readOnlyTransaction, words: ""), Circumstances(place: place, role: role))
        }
    }

    private func parameterStatus(_ name: String) -> String? {
        PQparameterStatus(connection, name).map { String(cString: $0) }
    }

    /// libpq's present words, without the code's source line.
    private static func words(of connection: OpaquePointer) -> String {
        guard let start = PQerrorMessage(connection) else { return "" }
        return String(cString: start).split(separator: "\n").filter { !$0.hasPrefix("LOCATION:") }.joined(
            separator: "\n"
        )
        .trimmed
    }

    // MARK: State

    /// Whether the connection can still be used.
    var isAlive: Bool {
        !gaveUp && PQstatus(connection) == CONNECTION_OK
    }

    /// Whether the server is in a transaction whose statements all succeeded.
    var isInTransaction: Bool {
        PQtransactionStatus(connection) == PQTRANS_INTRANS
    }

    var isIdle: Bool {
        PQtransactionStatus(connection) == PQTRANS_IDLE
    }

    var socket: Int32 {
        PQsocket(connection)
    }

    /// Waits for the socket; false where `deadline` passed first. nil waits for as long as it takes.
    func waitForSocket(_ events: Int16, until deadline: ContinuousClock.Instant?) -> Bool {
        while true {
            var look = pollfd(fd: socket, events: events, revents: 0)
            var milliseconds: Int32 = -1
            if let deadline {
                let left = ContinuousClock.now.duration(to: deadline).microseconds
                guard left > 0 else { return false }
                milliseconds = Int32(min(left / 1000 + 1, 60_000))
            }
            if poll(&look, 1, milliseconds) > 0 { return true }
            guard errno == EINTR || deadline != nil else { continue }
        }
    }

    /// Gives the connection up: its answer did not come.
    func giveUp() {
        gaveUp = true
    }

    // MARK: Failures

    /// What the connection's present trouble means.
    func lost(_ statement: String?) -> DatabaseError {
        lastState = nil
        return DatabaseError(
            Refusal(state: nil, words: Self.words(of: connection), statement: statement), circumstances)
    }

    var circumstances: Circumstances {
        Circumstances(place: place, role: role, readsOnly: readsOnly)
    }

    /// What a result that reports an error means.
    func failure(_ result: OpaquePointer, statement: String?) -> DatabaseError {
        func field(_ code: Unicode.Scalar) -> String? {
            PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
        }
        let words = field("M") ?? PQresultErrorMessage(result).map { String(cString: $0) } ?? "no words"
        lastState = field("C").map(SQLState.init(rawValue:))
        return DatabaseError(
            Refusal(state: lastState, words: words.trimmed, detail: field("D")?.trimmed, statement: statement),
            circumstances)
    }

    /// Forgets what the last refusal was.
    func clearState() {
        lastState = nil
    }
}

/// Calls `body` with a list of C strings that ends with nil.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    let copies = texts.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let list: [UnsafePointer<CChar>?] = copies.map { $0.map { UnsafePointer($0) } } + [nil]
    return list.withUnsafeBufferPointer { body($0.baseAddress!) }
}
