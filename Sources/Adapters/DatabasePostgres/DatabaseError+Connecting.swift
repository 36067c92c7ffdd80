import Core

extension DatabaseError {
    /// Why no connection came about. `words` are libpq's, with the server's code in them where it is the server's own
    /// refusal (libpq gives no other way to learn it).
    static func connecting(_ words: String, _ scene: Circumstances) -> DatabaseError {
        if let state = state(in: words) {
            return refused(state, words, scene)
        }
        let place = scene.place
        if words.contains("no password supplied") {
            return DatabaseError(
                .cannotOpen,
                "\(place) asks role \(scene.role) for a password and none was given: write it into the URL, or into ~/.pgpass"
            )
        }
        if words.contains("server does not support SSL") {
            return DatabaseError(
                .cannotOpen,
                "\(place) does not speak TLS, which sslmode demands: switch ssl on at the server, or choose another sslmode"
            )
        }
        if ["SSL", "certificate", "root.crt"].contains(where: words.contains) {
            return DatabaseError(
                .cannotOpen,
                "no TLS connection to \(place) came about (\(words)): check sslmode, sslrootcert and the name in the server's certificate"
            )
        }
        return DatabaseError(
            .io,
            "\(place) cannot be reached (\(words)): check host and port, and that the server runs and listens there")
    }

    private static func refused(_ state: SQLState, _ words: String, _ scene: Circumstances) -> DatabaseError {
        let place = scene.place
        let (code, sentence): (Code, String) =
            switch state {
            case .noSuchDatabase:
                (
                    .cannotOpen,
                    "there is no such database at \(place) (\(words)): create it with createdb, or correct the URL"
                )
            case .tooManyConnections: tooMany(scene, words)
            case .insufficientPrivilege:
                (
                    .denied,
                    "role \(scene.role) may not connect to \(place) (\(words)): let its owner run GRANT CONNECT ON DATABASE … TO \(scene.role)"
                )
            case .protocolViolation where words.contains("startup parameter"):
                (
                    .cannotOpen,
                    "\(place) is a pooler that takes no settings at the start (\(words)): set DATABASE_PREPARED=off, and DATABASE_LISTEN_URL to the server itself"
                )
            default:
                state.group == "28"
                    ? (
                        .cannotOpen,
                        "\(place) refused role \(scene.role) (\(words)): check the user name and password in the URL, and pg_hba.conf"
                    )
                    : (.io, "\(place) takes no connections now (\(words)): try again when it has started")
            }
        return DatabaseError(code, sentence)
    }

    /// The code in `FATAL:  28P01: password authentication failed …`: five capitals or digits between colons.
    private static func state(in words: String) -> SQLState? {
        for part in words.split(separator: ":") {
            let word = part.drop { $0 == " " }
            let isCode =
                word.utf8.count == 5 && word.utf8.first.map { $0 < UInt8(ascii: "a") } ?? false
                && word.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
            if isCode, word.utf8.contains(where: { (0x30...0x39).contains($0) }), word != "00000" {
                return SQLState(rawValue: String(word))
            }
        }
        return nil
    }
}
