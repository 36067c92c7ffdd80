import FoundationEssentials
import InferenceRPC
import Secrets
import Serve

extension Settings {
    /// Where a worker answers servers on other machines; nil where it is not asked to.
    ///
    /// - Throws: ``Failure`` where anybody could call it or listen in, or a file is not what it must be.
    func inferenceListening() throws -> InferenceListening? {
        guard let text = text(.inferenceListen) else { return nil }
        guard let place = HostPort(text), place.isIPv4 || place.isIPv6 || place.host == "localhost" else {
            throw bad(.inferenceListen, "an address and a port, such as 0.0.0.0:7700")
        }
        let token = try token(.inferenceToken, orFile: .inferenceTokenFile)
        let tls = try inferenceTLS()
        if tls != nil, tls?.identity == nil {
            throw Failure(
                .config,
                "MILLRACE_INFERENCE_TLS_CA is set, and the worker has no certificate to show: set MILLRACE_INFERENCE_TLS_CERT and MILLRACE_INFERENCE_TLS_KEY"
            )
        }
        guard token != nil || tls?.authorities != nil else {
            throw Failure(
                .config,
                "anybody could use the worker on \(place): set MILLRACE_INFERENCE_TOKEN, the same as the server's, or MILLRACE_INFERENCE_TLS_CA to ask servers for a certificate"
            )
        }
        guard tls != nil || place.isLoopback || allowsPlaintext else {
            throw Failure(
                .config,
                "without TLS, texts and token would travel readable to \(place): set MILLRACE_INFERENCE_TLS_CERT and MILLRACE_INFERENCE_TLS_KEY, listen on 127.0.0.1, or say MILLRACE_ALLOW_PLAINTEXT=1 where a tunnel encrypts"
            )
        }
        return InferenceListening(
            listener: .tcp(place, tls), token: token, advertised: try advertised(place), isSecure: tls != nil)
    }

    /// What a server shows workers on other machines, and whom it believes.
    func inferenceAccess() throws -> InferenceAccess {
        InferenceAccess(
            token: try token(.inferenceToken, orFile: .inferenceTokenFile), tls: try inferenceTLS(),
            allowsPlaintext: allowsPlaintext, host: ThisProcess.host)
    }

    /// The files for TLS between server and worker; nil where none is named.
    private func inferenceTLS() throws -> InferenceTLS? {
        let identity = try pair(.inferenceCertificate, .inferenceKey)
        let authorities = text(.inferenceAuthorities)?.absolutePath
        guard identity != nil || authorities != nil else { return nil }
        if let identity { try TLSFiles(certificate: identity.0, key: identity.1).check() }
        if let authorities { try TLSFiles.checkAuthorities(authorities) }
        return InferenceTLS(
            identity: identity.map { .init(certificate: $0, key: $1) }, authorities: authorities)
    }

    /// The name that goes into the registry; port 0 stands for the one that was bound.
    private func advertised(_ place: HostPort) throws(Failure) -> HostPort {
        guard let text = text(.inferenceAdvertise) else {
            return place.isWildcard ? HostPort(host: ThisProcess.host, port: 0) : HostPort(host: place.host, port: 0)
        }
        guard let advertised = HostPort(text) ?? HostPort("\(text):0") ?? HostPort("[\(text)]:0"),
            !advertised.isWildcard
        else {
            throw bad(
                .inferenceAdvertise, "the name or address by which servers reach this worker, with or without a port")
        }
        return advertised
    }
}
