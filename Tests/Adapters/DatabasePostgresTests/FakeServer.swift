import TestDatabases

/// A program that speaks just enough of the protocol to say which version it is, and closes no connection.
final class FakeServer: Sendable {
    private let program: Program
    let port: String

    /// - Parameter version: what it says it is; empty for one that takes connections and says nothing.
    init(answering version: String) throws {
        program = try Program("python3", ["-c", Self.text, version])
        port = program.line()
    }

    deinit { program.kill() }

    private static let text = """
        import socket, struct, sys
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        held = []
        def message(kind, body): return kind + struct.pack("!i", len(body) + 4) + body
        while True:
            client, _ = listener.accept()
            held.append(client)
            client.recv(4096)
            if sys.argv[1]:
                client.sendall(
                    message(b"R", struct.pack("!i", 0))
                    + message(b"S", b"server_version\\0" + sys.argv[1].encode() + b"\\0")
                    + message(b"Z", b"I"))
        """
}
