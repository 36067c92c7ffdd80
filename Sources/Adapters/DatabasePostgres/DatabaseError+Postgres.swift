import Core

/// What the server or libpq said of a failure.
struct Refusal {
    let state: SQLState?
    /// The first line, in the server's language.
    let words: String
    var detail: String?
    /// The table that a constraint belongs to, where the server names it.
    var statement: String?
}

/// Whom and what a failure's sentence names.
struct Circumstances {
    /// `host:port/database`.
    let place: String
    let role: String
    /// The transaction was one of reads.
    var readsOnly = false
}

extension DatabaseError {
    /// What a refusal means for a caller, with the fix in the sentence.
    init(_ refusal: Refusal, _ scene: Circumstances) {
        let (code, sentence) = Self.meaning(refusal, scene)
        self.init(code, sentence, statement: refusal.statement)
    }

    private static func meaning(_ refusal: Refusal, _ scene: Circumstances) -> (Code, String) {
        let (place, words) = (scene.place, refusal.words)
        guard let state = refusal.state else {
            return (.io, "the connection to \(place) was lost (\(words)): it is opened anew, try again")
        }
        switch state {
        case .deadlock, .serializationFailure:
            return (.busy, "\(place) had transactions in each other's way again and again (\(words)): try again")
        case .lockNotAvailable, .objectInUse:
            return (
                .busy,
                "a row or table in \(place) is locked by another transaction (\(words)): let it end, then try again"
            )
        case .queryCanceled:
            return (
                .busy,
                "\(place) stopped a statement that took too long (\(words)): try again, or raise statement_timeout"
            )
        case .tooManyConnections: return tooMany(scene, words)
        case .diskFull:
            return (.full, "the disk of \(place) is full, nothing of the transaction was kept: free some space there")
        case .readOnlyTransaction: return (.readOnly, readOnly(scene))
        case .insufficientPrivilege: return (.denied, denied(refusal, scene))
        case .dataCorrupted, .indexCorrupted:
            return (.corrupt, "\(place) found its own data damaged (\(words)): restore it from a backup")
        default: return meaningOfGroup(state, refusal, scene)
        }
    }

    private static func meaningOfGroup(
        _ state: SQLState, _ refusal: Refusal, _ scene: Circumstances
    ) -> (Code, String) {
        let (place, words) = (scene.place, refusal.words)
        let detail = refusal.detail.map { ", \($0)" } ?? ""
        switch state.group {
        case "08", "57":
            return (.io, "the connection to \(place) was ended by the server (\(words)): it is opened anew, try again")
        case "25" where state == .idleInTransaction:
            return (.io, "\(place) ended a transaction that stood still for too long (\(words)): try again")
        // P0 is what a user's own trigger raises, 44 a view's WITH CHECK OPTION, 27 a row that a BEFORE trigger changed itself.
        case "23", "22", "27", "44", "P0":
            return (
                .constraint, "\(place) refused a value (\(words)\(detail)): change it, or the row that it collides with"
            )
        case "53", "58":
            return (
                .io, "\(place) has not the means for a statement (\(words)): look at the server's log, then try again"
            )
        default:
            guard state.namesMissingObject else {
                return (
                    .other,
                    "\(place) refused a statement (\(words)\(detail), code \(state.rawValue)): correct the statement"
                )
            }
            return (
                .noSuchObject,
                "\(place) has not what the statement names (\(words)): check the name, and that the schema is up to date"
            )
        }
    }

    static func tooMany(_ scene: Circumstances, _ words: String) -> (Code, String) {
        (.busy, "\(scene.place) has no connection left (\(words)): raise max_connections, or put a pooler before it")
    }

    private static func readOnly(_ scene: Circumstances) -> String {
        scene.readsOnly
            ? "a read transaction was asked to write: call write() for it"
            : "\(scene.place) can be read but not written, it is a replica or set to read only: give the URL of the primary (several hosts with target_session_attrs=read-write find it by themselves)"
    }

    /// Names the GRANT, as far as the server's words tell what it is about.
    private static func denied(_ refusal: Refusal, _ scene: Circumstances) -> String {
        let role = quoted(scene.role)
        let start = "role \(role) lacks a privilege in \(scene.place) (\(refusal.words)): let an owner run "
        guard
            let object = refusal.words.firstRange(of: "permission denied for ").map({ refusal.words[$0.upperBound...] })
        else {
            return refusal.words.hasPrefix("must be owner of")
                ? "\(start)ALTER … OWNER TO \(role), or the statement itself"
                : "\(start)GRANT for what the statement does"
        }
        let kind = object.prefix { $0 != " " }
        let bare = quoted(String(object.drop { $0 != " " }.dropFirst()))
        let name = ["schema", "database"].contains(kind) ? bare : qualified(bare, in: refusal.statement ?? "")
        let verb = (refusal.statement ?? "").drop { !$0.isLetter }.prefix { $0.isLetter }.uppercased()
        switch kind {
        case "table", "view", "relation":
            let privileges = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"].contains(verb) ? verb : "SELECT"
            // A statement that changes rows also reads those it looks for.
            let all = ["UPDATE", "DELETE", "INSERT"].contains(verb) ? "SELECT, \(privileges)" : privileges
            return "\(start)GRANT \(all) ON \(name) TO \(role)"
        case "sequence": return "\(start)GRANT USAGE ON SEQUENCE \(name) TO \(role)"
        case "schema":
            return "\(start)GRANT \(verb == "CREATE" ? "CREATE, USAGE" : "USAGE") ON SCHEMA \(name) TO \(role)"
        case "database": return "\(start)GRANT CREATE ON DATABASE \(name) TO \(role)"
        case "function", "procedure", "routine": return "\(start)GRANT EXECUTE ON FUNCTION \(name) TO \(role)"
        default: return "\(start)GRANT for it"
        }
    }

    /// The name with its schema, where the statement names one: the server's words never do.
    private static func qualified(_ name: String, in statement: String) -> String {
        let plain = name.hasPrefix("\"") ? name : "\"\(name)\""
        for found in [name, plain].flatMap({ statement.ranges(of: ".\($0)") }) {
            // The whole name, not the beginning of a longer one.
            guard !(statement[found.upperBound...].first.map(isPartOfName) ?? false) else { continue }
            let before = statement[..<found.lowerBound]
            let schema =
                before.last == "\""
                ? before.dropLast().lastIndex(of: "\"").map { String(before[$0...]) }
                : String(before.reversed().prefix(while: isPartOfName).reversed())
            if let schema, !schema.isEmpty { return "\(schema).\(name)" }
        }
        return name
    }

    private static func isPartOfName(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_" || character == "$"
    }

    /// As a name is written into SQL, quotes only where it needs them.
    private static func quoted(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return isPlain && !name.isEmpty ? name : Identifier(name).quoted
    }
}
