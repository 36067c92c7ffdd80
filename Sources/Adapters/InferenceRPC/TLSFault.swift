/// What went wrong in a TLS handshake, in a sentence's end.
///
/// BoringSSL's errors are texts that hold its reason and the place in its sources; the reasons are those of its `ssl.h`.
package enum TLSFault {
    private static let reasons = [
        ("ALERT_CERTIFICATE_REQUIRED", "it asks for a certificate, and none was shown"),
        ("ALERT_UNKNOWN_CA", "it does not accept the certificate that was shown"),
        ("ALERT_BAD_CERTIFICATE", "it does not accept the certificate that was shown"),
        ("ALERT_CERTIFICATE_EXPIRED", "it does not accept the certificate that was shown: that has ended"),
        (
            "CERTIFICATE_VERIFY_FAILED",
            "no authority that is trusted here vouches for its certificate, or that has ended"
        ),
        ("failedToValidateHostname", "its certificate is for another name"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
    ]

    /// nil where the error is none of TLS.
    package static func words(_ error: any Error) -> String? {
        let text = "\(error)"
        if let known = reasons.first(where: { text.contains($0.0) }) { return known.1 }
        return text.contains("SSL") ? "the TLS handshake failed" : nil
    }
}
