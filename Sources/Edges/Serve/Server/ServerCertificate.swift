import Logging
import NIOSSL
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The two PEM files that HTTPS needs.
package struct TLSFiles: Sendable, Hashable {
    /// The server's certificate, then those between it and an authority.
    package let certificate: String
    /// Its private key, without a passphrase.
    package let key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }

    /// What these files give to a server of TLS 1.2 and later.
    /// - Throws: ``ServeError`` that names the file at fault.
    func context() throws(ServeError) -> (context: NIOSSLContext, expiresSeconds: Int) {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificate)
        } catch {
            throw .badFile(certificate, "holds no certificate in PEM form that can be read")
        }
        let privateKey: NIOSSLPrivateKey
        do {
            privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
        } catch {
            throw .badFile(key, "holds no private key in PEM form, without a passphrase, that can be read")
        }
        guard let leaf = chain.first else { throw .badFile(certificate, "holds no certificate") }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            return (try NIOSSLContext(configuration: configuration), Int(leaf.notValidAfter))
        } catch {
            throw .badFile(key, "is not the key of the certificate in \(certificate)")
        }
    }

    /// What changes when either file is replaced or written.
    var stamp: [Int] {
        [certificate, key].flatMap { path -> [Int] in
            var status = stat()
            guard stat(path, &status) == 0 else { return [] }
            return [Int(status.st_ino), Int(status.st_size), Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
        }
    }

    /// Checks the files as a server would read them. - Throws: ``ServeError`` that names the file at fault.
    package func check() throws(ServeError) {
        _ = try context()
    }

    /// Checks a file of authorities. - Throws: ``ServeError`` that names it.
    package static func checkAuthorities(_ path: String) throws(ServeError) {
        guard let authorities = try? NIOSSLCertificate.fromPEMFile(path), !authorities.isEmpty else {
            throw .badFile(path, "holds no certificate in PEM form that can be read")
        }
    }
}

/// The certificate in use. The files are looked at every few seconds; a renewed pair serves the connections that come
/// after, and a pair that cannot be read changes nothing.
final class ServerCertificate: Service {
    private struct State {
        var context: NIOSSLContext
        var stamp: [Int]
    }

    private let files: TLSFiles
    private let logger: Logger
    private let pause: @Sendable () async throws -> Void
    private let state: Mutex<State>

    /// - Parameter pause: What lies between two looks.
    init(
        _ files: TLSFiles, logger: Logger,
        pause: @escaping @Sendable () async throws -> Void = { try await Task.sleep(for: .seconds(5)) }
    ) throws(ServeError) {
        self.files = files
        self.logger = logger
        self.pause = pause
        let stamp = files.stamp
        let loaded = try files.context()
        state = Mutex(State(context: loaded.context, stamp: stamp))
        tellExpiry(loaded.expiresSeconds)
    }

    var context: NIOSSLContext {
        state.withLock { $0.context }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await self.pause()
                } catch {
                    return
                }
                self.look()
            }
        }
    }

    /// Reads the files again where they have changed. - Returns: whether another certificate is in use now.
    @discardableResult func look() -> Bool {
        // Taken before the files are read: what is written meanwhile is seen at the next look.
        let stamp = files.stamp
        guard state.withLock({ $0.stamp }) != stamp else { return false }
        do throws(ServeError) {
            let loaded = try files.context()
            state.withLock { $0 = State(context: loaded.context, stamp: stamp) }
            logger.info("the certificate was renewed")
            tellExpiry(loaded.expiresSeconds)
            return true
        } catch {
            state.withLock { $0.stamp = stamp }
            logger.warning("the new certificate is not used, the old one stays", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func tellExpiry(_ expires: Int) {
        let days = (expires - time(nil)) / 86400
        guard days < 14 else { return }
        logger.warning(
            "the certificate must be renewed", metadata: ["file": "\(files.certificate)", "daysLeft": "\(days)"])
    }
}
