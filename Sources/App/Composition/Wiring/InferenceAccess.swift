import InferenceRPC
import Secrets

/// What a server shows workers on other machines, whom it believes, and which places it does not call at all.
struct InferenceAccess: Sendable {
    var token: Secret?
    var tls: InferenceTLS?
    var allowsPlaintext = false
    /// This machine's name.
    var host: String

    /// Why an endpoint out of the registry is not called from here, as the end of a sentence; nil where it is.
    ///
    /// - Parameter workerHost: the machine that the worker runs on.
    func fault(of endpoint: InferenceEndpoint, workerHost: String) -> String? {
        let isHere = workerHost == host
        switch endpoint {
        case .unix:
            return isHere ? nil : "answers on a socket of \(workerHost) alone: start it with MILLRACE_INFERENCE_LISTEN"
        case .tcp(let place), .tls(let place):
            if place.isLoopback, !isHere {
                return "answers on \(place), which is this machine from here: set MILLRACE_INFERENCE_ADVERTISE for it"
            }
            if case .tcp = endpoint, !place.isLoopback, !allowsPlaintext {
                return "answers on \(place) without TLS: give it MILLRACE_INFERENCE_TLS_CERT"
            }
            // A worker on TCP asks for one or the other; which, only it knows.
            return token == nil && tls?.identity == nil
                ? "asks for a token or a certificate, and this server has neither: set MILLRACE_INFERENCE_TOKEN" : nil
        }
    }

    func client(_ endpoint: InferenceEndpoint) throws -> InferenceClient {
        try InferenceClient(endpoint, token: token, tls: tls)
    }
}
