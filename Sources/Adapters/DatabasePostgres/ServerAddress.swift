import CPostgres
import Core
import Glibc

/// Where the server is and how to reach it: a connection URL, read by libpq itself, with what we add to it.
struct ServerAddress: Sendable {
    /// `host:port/database` for people; never the password.
    let place: String
    /// The servers that are tried, one after another.
    let hostCount: Int
    /// What the URL says, in libpq's own keywords.
    private let given: [String: String]

    /// - Throws: ``DatabaseError/Code/cannotOpen`` where libpq cannot read the URL.
    init(_ url: String) throws(DatabaseError) {
        var words: UnsafeMutablePointer<CChar>?
        guard !url.utf8.contains(0), let options = PQconninfoParse(url, &words) else {
            let reason = words.map { String(cString: $0).trimmed } ?? "it holds U+0000"
            PQfreemem(words)
            // The words may quote the URL, and the password with it.
            let said = reason.contains("\"") ? "" : " (\(reason))"
            throw DatabaseError(
                .cannotOpen,
                "the PostgreSQL URL cannot be read\(said): give postgres://user:password@host:5432/database, with the special characters of a password in percent form"
            )
        }
        defer { PQconninfoFree(options) }
        var given: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { given[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        self.given = given
        let defaults = Self.defaults()
        func word(_ keyword: String) -> String { given[keyword] ?? defaults[keyword] ?? "" }
        let hosts = word("host").isEmpty ? word("hostaddr") : word("host")
        hostCount = max(1, hosts.split(separator: ",").count)
        let database = word("dbname").isEmpty ? word("user") : word("dbname")
        place = "\(hosts.isEmpty ? "the local server" : hosts):\(word("port"))/\(database)"
    }

    /// What libpq takes from the environment and its own built-in defaults.
    private static func defaults() -> [String: String] {
        guard let options = PQconndefaults() else { return [:] }
        defer { PQconninfoFree(options) }
        var defaults: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { defaults[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return defaults
    }

    /// How long connecting may take in all.
    func patience(_ options: PostgresDatabase.Options) -> Duration {
        let own = given["connect_timeout"].flatMap(Int.init).map { Duration.seconds(max(2, $0)) }
        return (own ?? options.connectTimeout) * hostCount
    }

    /// The keywords and values to connect with. What the URL says comes before what we would choose.
    ///
    /// A connection whose peer has vanished without a word ends after half a minute by the keep-alives.
    func parameters(_ options: PostgresDatabase.Options) -> [(keyword: String, value: String)] {
        var parameters = [
            "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000",
            "fallback_application_name": options.applicationName,
        ]
        // Kerberos' library is no friend of threads that end with the program; sslmode says how to encrypt. A password or
        // ticket is asked for as ever.
        if getenv("PGGSSENCMODE") == nil { parameters["gssencmode"] = "disable" }
        parameters.merge(given) { _, given in given }
        parameters["client_encoding"] = "UTF8"
        if options.preparesStatements {
            // Later ones win, so the URL's own, or else those of PGOPTIONS, come last.
            let own = given["options"] ?? Self.defaults()["options"] ?? ""
            parameters["options"] = [ServerSettings(options).startUp, own].joined(separator: " ")
        }
        return parameters.map { ($0.key, $0.value) }
    }
}

extension String {
    /// Without white space and line breaks at either end, inner line breaks turned to spaces: libpq's words come in
    /// lines.
    var trimmed: String {
        split(whereSeparator: \.isNewline).map { line in
            String(line.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
        }.filter { !$0.isEmpty }.joined(separator: " ")
    }
}
