import Foundation

/// What tests with a real peer need from outside, set by `make test`.
enum TestSettings {
    struct Missing: Error, CustomStringConvertible {
        let name: String
        var description: String { "\(name) is not set; run the tests with `make test`, which sets it." }
    }

    /// A Python interpreter with the package `tokenizers`.
    static func python() throws -> URL { try path("MILLRACE_PYTHON") }

    /// The folder that holds one folder per model.
    static func models() throws -> URL { try path("MILLRACE_MODELS") }

    static func contents(ofModelFile path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: try models().appending(path: path)))
    }

    private static func path(_ name: String) throws -> URL {
        guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { throw Missing(name: name) }
        return URL(filePath: value)
    }

    /// Runs a script of `Tests/Peers` and returns what it wrote to standard output.
    static func runPeer(_ script: String, _ arguments: [String]) throws -> Data {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
        let process = Process()
        process.executableURL = try python()
        process.arguments = [tests.appending(path: "Peers/\(script)").path] + arguments
        _ = try models()
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CocoaError(.executableLoad, userInfo: ["script": script, "status": process.terminationStatus])
        }
        return data
    }
}
