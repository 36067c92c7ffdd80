package import Core
import Foundation

/// The packages that this machine's package database knows, as a large table of real texts.
package struct PackagesSample: Sendable {
    package static let table = "debian_packages"

    private let limit: Int?

    package init(limit: Int? = nil) {
        self.limit = limit
    }

    /// Makes and fills the table where it is not there.
    ///
    /// - Returns: rows inserted, 0 where the table was there already.
    package func load(
        into database: any Database, progress: (Int, Int) -> Void
    ) async throws -> Int {
        let isThere = try await database.read { connection in
            try connection.row(SampleTable.exists, ["name": .text(Self.table)]) != nil
        }
        guard !isThere else { return 0 }
        let packages = try packages()
        try await database.write { connection in try connection.script(Self.createTable(in: connection.dialect)) }
        var done = 0
        while done < packages.count {
            let page = packages[done..<min(done + 1000, packages.count)]
            try await database.write { connection in
                try connection.runMany(
                    .both("INSERT INTO \(Self.table)(name, description) VALUES (:name, :description)"),
                    page.map { ["name": .text($0.name), "description": .text($0.description)] })
            }
            done += page.count
            progress(done, packages.count)
        }
        return done
    }

    private static func createTable(in dialect: Dialect) -> String {
        """
        CREATE TABLE \(table)(
            name TEXT NOT NULL PRIMARY KEY,
            description TEXT NOT NULL,
            embedding \(dialect == .sqlite ? "BLOB" : "bytea"),
            \(SampleTable.moment("updated_at", in: dialect)))
        """
    }

    /// Names and descriptions, each name once.
    private func packages() throws(Failure) -> [(name: String, description: String)] {
        let dump = try Self.output(of: ["apt-cache", "dumpavail"])
        var packages: [(String, String)] = []
        var seen: Set<Substring> = []
        var name: Substring?
        for line in dump.split(separator: "\n") {
            if line.hasPrefix("Package: ") {
                name = line.dropFirst("Package: ".count)
            } else if line.hasPrefix("Description: "), let package = name, seen.insert(package).inserted {
                packages.append((String(package), String(line.dropFirst("Description: ".count))))
                if packages.count == limit { break }
            }
        }
        guard !packages.isEmpty else {
            throw Failure(.unavailable, "apt-cache knows no packages: run apt-get update and try again")
        }
        return packages
    }

    private static func output(of command: [String]) throws(Failure) -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw Failure(.unavailable, "\(command[0]) cannot be run: this sample needs Debian or Ubuntu")
        }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(.unavailable, "\(command.joined(separator: " ")) failed: this sample needs Debian or Ubuntu")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
