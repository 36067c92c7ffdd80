import FoundationEssentials
import InferenceRPC
import Secrets
import Serve

extension Settings {
    /// Where and to whom the HTTP server answers.
    ///
    /// - Throws: ``Failure`` where a token or a file is not what it must be; `ServeError` where the address would be open
    ///   to other machines without TLS or without a token, and nobody said that it may.
    func serverSettings() throws -> ServerSettings {
        var server = ServerSettings(host: host, port: port)
        server.allowedHosts = allowedHosts
        server.adminToken = try token(.adminToken, orFile: .adminTokenFile)
        server.tls = try pair(.tlsCertificate, .tlsKey).map { TLSFiles(certificate: $0, key: $1) }
        server.allowsPlaintext = allowsPlaintext
        server.allowsOpenBind = value(.allowOpen).value == "1"
        if let exposure = server.exposure { throw exposure }
        try server.tls?.check()
        return server
    }

    /// To whom a server and a worker with these settings answer, in a few words; tokens and files are looked at.
    ///
    /// - Throws: what ``serverSettings()`` and the settings of inference throw.
    package func accessSummary() throws -> String {
        let server = try serverSettings()
        _ = try inferenceAccess()
        let queries = try inferenceListening()?.endpoint(nil).description ?? "on a unix socket"
        return "HTTP\(server.tls == nil ? "" : "S") on \(host) port \(port), "
            + "\(server.adminToken == nil ? "without a token" : "with the token"); workers answer \(queries)"
    }

    /// Whether tokens and texts may travel between machines without TLS.
    package var allowsPlaintext: Bool { value(.allowPlaintext).value == "1" }

    /// A token from its setting or from the file that another names; nil where neither is set.
    ///
    /// - Throws: ``Failure`` where both are set, the file cannot be read, or the token is too short or no header's word.
    func token(_ setting: Setting, orFile fileSetting: Setting) throws(Failure) -> Secret? {
        let secret: Secret
        switch (text(setting), text(fileSetting)) {
        case (nil, nil): return nil
        case (let text?, nil): secret = Secret(text)
        case (nil, let file?): secret = try read(file, of: fileSetting)
        case (_?, _?):
            throw Failure(.config, "\(setting.rawValue) and \(fileSetting.rawValue) are both set: keep one of them")
        }
        if let fault = secret.faultAsToken {
            throw Failure(.config, "\(setting.rawValue) \(fault): make one with openssl rand -hex 24")
        }
        return secret
    }

    private func read(_ file: String, of setting: Setting) throws(Failure) -> Secret {
        guard let content = FileManager.default.contents(atPath: file.absolutePath) else {
            throw Failure(
                .config, "\(setting.rawValue) names \(file), which cannot be read: make it readable for this user")
        }
        // Editors and echo end a file with a line break, which is no part of a token.
        let text = String(decoding: content, as: UTF8.self)
        return Secret(String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()))
    }

    /// Two files that need each other, absolute; nil where neither is set.
    func pair(_ first: Setting, _ second: Setting) throws(Failure) -> (String, String)? {
        switch (text(first), text(second)) {
        case (nil, nil): return nil
        case (let one?, let two?): return (one.absolutePath, two.absolutePath)
        case (let one, _):
            let (set, missing) = one == nil ? (second, first) : (first, second)
            throw Failure(.config, "\(set.rawValue) is set and \(missing.rawValue) is not: set both, or neither")
        }
    }
}
