import Foundation

/// Certificates made by `Tests/Peers/make-certificates`, once for all tests of this process; that script says which.
package enum Certificates {
    package struct Failed: Error, CustomStringConvertible {
        package let description: String
    }

    private static let made = Task { () throws -> String in
        let folder = FileManager.default.temporaryDirectory.path + "/millrace-certificates-\(UUID().uuidString)"
        let script = #filePath.components(separatedBy: "/Tests/Support/")[0] + "/Tests/Peers/make-certificates"
        let outcome = try await Program.run(script, [folder])
        guard outcome.code == 0 else { throw Failed(description: outcome.output) }
        return folder
    }

    package static func path(_ name: String) async throws -> String {
        try await made.value + "/" + name
    }
}
