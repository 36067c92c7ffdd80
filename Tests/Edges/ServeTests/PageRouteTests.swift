import Foundation
import Messages
import NIOCore
import Testing

@testable import Serve

@Suite struct PageRouteTests {
    @Test func `the page and its files are served with their types and tags`() async throws {
        try await withServer { (server) async throws in
            for asset in Asset.all {
                let answer = try await server.get(asset.path)
                #expect(answer.status == 200)
                #expect(answer.headers["content-type"] == asset.type)
                #expect(answer.body.count == asset.content.readableBytes)
                let tag = try #require(answer.headers["etag"])
                let again = try await server.get(asset.path, ["If-None-Match": tag])
                #expect(again.status == 304)
                #expect(again.body.isEmpty)
                #expect(try await server.get(asset.path, ["If-None-Match": "\"0\""]).status == 200)
            }
        }
    }

    @Test func `every file of the page is served, and every import is a file of the page`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Repository.path("Sources/Edges/Serve/Page"))
        let paths = Set(Asset.all.map(\.path))
        #expect(Set(files.map { $0 == "index.html" ? "/" : "/\($0)" }) == paths)
        for file in files {
            let text = try Repository.text("Sources/Edges/Serve/Page/\(file)")
            for match in text.matches(of: /(?:from |import |href=|src=)"(\/[^"#]*)"/) {
                #expect(paths.contains(String(match.1)), "\(file) names \(match.1)")
            }
        }
    }

    @Test func `data never becomes markup`() throws {
        for file in try FileManager.default.contentsOfDirectory(atPath: Repository.path("Sources/Edges/Serve/Page")) {
            let text = try Repository.text("Sources/Edges/Serve/Page/\(file)")
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                #expect(!text.contains(word), "\(file) uses \(word)")
            }
        }
    }

    @Test(arguments: [
        ("/messages.json", "ko-KR,ko;q=0.9,en;q=0.8", "ko"), ("/messages.json", "de, en;q=0.5", "en"),
        ("/messages.json", "", "en"), ("/messages.json?lang=ko", "en", "ko"),
    ])
    func `the texts come in the language asked for`(path: String, accepted: String, language: String) async throws {
        try await withServer { (server) async throws in
            let answer = try await server.get(path, ["Accept-Language": accepted]).object()
            #expect(answer["language"] as? String == language)
            #expect((answer["texts"] as? [String: String])?.count == Message.allCases.count)
        }
    }

    @Test func `every key that the page names is a message`() throws {
        let known = Set(Message.allCases.map(\.rawValue))
        for file in try FileManager.default.contentsOfDirectory(atPath: Repository.path("Sources/Edges/Serve/Page")) {
            let text = try Repository.text("Sources/Edges/Serve/Page/\(file)")
            for match in text.matches(of: /\bt\("([a-z_]+\.[a-z_]+)"/) {
                #expect(known.contains(String(match.1)), "\(file) names \(match.1)")
            }
        }
        // Keys that are put together from a word of the API.
        for state in JobState.allCases {
            #expect(known.contains("job.\(state.rawValue)"))
            #expect(known.contains("jobs.empty_\(state.rawValue)"))
        }
    }
}

/// Files of this repository, found from this file's own place.
enum Repository {
    static func path(_ relative: String) -> String {
        #filePath.components(separatedBy: "/Tests/Edges/")[0] + "/" + relative
    }

    static func text(_ relative: String) throws -> String {
        try String(contentsOfFile: path(relative), encoding: .utf8)
    }
}
