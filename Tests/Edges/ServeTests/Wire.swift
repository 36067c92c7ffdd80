import Foundation

/// HTTP/1.1 over a bare socket, so that tests can send what no client library sends: a foreign Host, no Host, half a
/// body, nothing at all. Each socket waits on a thread of its own, never on one that the server needs.
final class Wire: @unchecked Sendable {
    struct Answer: Sendable {
        let status: Int
        /// Names in lower case.
        let headers: [String: String]
        let body: Data

        var text: String {
            String(decoding: body, as: UTF8.self)
        }

        /// The body as a JSON object.
        func object() throws -> [String: Any] {
            try JSONSerialization.jsonObject(with: body) as? [String: Any] ?? [:]
        }

        /// A value inside the error object.
        func error(_ name: String) throws -> String? {
            (try object()["error"] as? [String: Any])?[name] as? String
        }
    }

    struct Closed: Error {}

    private let socket: Int32
    /// Touched by one reading call at a time; a test awaits each before the next.
    private var pending = Data()

    init(port: Int) throws {
        socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // A test that waits in vain fails after this time instead of hanging.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard result == 0 else { throw Closed() }
    }

    deinit {
        close(socket)
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Everything until the peer closes.
    func readToEnd() async -> Data {
        await onThread { wire in
            while wire.receive() {}
            defer { wire.pending = Data() }
            return wire.pending
        }
    }

    /// The bytes up to and with `mark`; what follows is kept.
    func read(through mark: String) async throws -> String {
        try await onThread { wire in
            let mark = Data(mark.utf8)
            var looked = 0
            while true {
                // Only what is new is searched, with room for a mark that was cut in two.
                if let range = wire.pending.range(of: mark, in: max(0, looked - mark.count)..<wire.pending.count) {
                    defer { wire.pending = Data(wire.pending[range.upperBound...]) }
                    return String(decoding: wire.pending[..<range.upperBound], as: UTF8.self)
                }
                looked = wire.pending.count
                guard wire.receive() else { throw Closed() }
            }
        }
    }

    private func receive() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        pending.append(contentsOf: buffer[..<count])
        return true
    }

    /// Runs what waits for the peer on a new thread: a shared pool would run out of threads, and the server with it.
    private func onThread<Value: Sendable>(_ body: @escaping @Sendable (Wire) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body(self) }) }
        }
    }

    private func onThread<Value: Sendable>(_ body: @escaping @Sendable (Wire) -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body(self)) }
        }
    }
}

extension Wire.Answer {
    /// - Parameter raw: A whole response to a request that said `Connection: close`.
    init(raw: Data) throws {
        guard let end = raw.range(of: Data("\r\n\r\n".utf8)) else { throw Wire.Closed() }
        let lines = String(decoding: raw[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Wire.Closed()
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        self.init(status: status, headers: headers, body: Data(raw[end.upperBound...]))
    }
}
