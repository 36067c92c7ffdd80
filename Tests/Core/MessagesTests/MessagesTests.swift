import Foundation
import Messages
import Testing

@Suite struct MessagesTests {
    @Test(arguments: Language.allCases)
    func `every message has a text in every language, and every text is a message`(language: Language) {
        let texts = Messages.texts(language)
        #expect(Set(texts.keys) == Set(Message.allCases.map(\.rawValue)))
        for (key, text) in texts {
            #expect(!text.isEmpty, "\(key)")
            #expect(!text.contains("!"), "\(key)")
            #expect(text == text.trimmingCharacters(in: .whitespacesAndNewlines), "\(key)")
        }
    }

    @Test(arguments: Message.allCases)
    func `a message has the same placeholders in every language`(key: Message) {
        let english = Messages.placeholders(Messages.text(key, .en))
        for language in Language.allCases {
            let other = Messages.placeholders(Messages.text(key, language))
            #expect(other.sorted() == english.sorted(), "\(key.rawValue) in \(language)")
        }
    }

    @Test func `Korean is Korean`() {
        for (key, text) in Messages.texts(.ko) {
            let isKorean = text.unicodeScalars.contains { (0xAC00...0xD7A3).contains($0.value) }
            let isOnlyPlaceholders = text.allSatisfy { !$0.isLetter || $0.isASCII }
            #expect(isKorean || isOnlyPlaceholders, "\(key)")
            #expect(!text.contains("당신"), "\(key)")
        }
    }

    @Test func `every message is used by the page or the program`() throws {
        let root = URL(fileURLWithPath: #filePath.components(separatedBy: "/Tests/Core/")[0] + "/Sources/")
        // Resolved: the walk does not follow a link at its root.
        let files = FileManager.default.enumerator(at: root.resolvingSymlinksInPath(), includingPropertiesForKeys: nil)
        var page = ""
        var program = ""
        for case let file as URL in try #require(files) {
            if file.pathExtension == "js" {
                page += try String(contentsOf: file, encoding: .utf8)
            } else if file.pathExtension == "swift", file.lastPathComponent != "Message.swift" {
                program += try String(contentsOf: file, encoding: .utf8)
            }
        }
        #expect(!page.isEmpty)
        for key in Message.allCases {
            // Keys such as `job.dead` are put together on the page: `job.${state}`, `jobs.empty_${state}`.
            let parts = key.rawValue.split(separator: ".")
            let prefixes = ["\(parts[0]).", "\(parts[0]).\(parts[1].prefix { $0 != "_" })_"]
            let isUsed =
                page.contains("\"\(key.rawValue)\"") || program.contains(".\(key)")
                || prefixes.contains { page.contains("t(`\($0)${") }
            #expect(isUsed, "\(key.rawValue)")
        }
    }

    @Test func `placeholders are filled in once, and those without a value stay`() {
        #expect(Messages.text(.sourcesSettled, .en, ["done": "{total}", "total": "7"]) == "{total} of 7 rows")
        #expect(Messages.text(.sourcesSettled, .ko, ["done": "3"]) == "{total}행 중 3행")
        #expect(Messages.placeholders("{a} {b}{a} {") == ["a", "b", "a"])
    }

    @Test(
        arguments: [
            ([:], .en), (["LANG": "ko_KR.UTF-8"], .ko), (["LANG": "C"], .en), (["LANG": "de_DE", "LC_ALL": "ko"], .ko),
            (["LANG": "ko_KR", "LC_ALL": "C.UTF-8"], .en), (["LC_ALL": "", "LANG": "ko"], .ko),
            (["LC_MESSAGES": "ko", "LANG": "en"], .ko),
        ] as [([String: String], Language)])
    func `a terminal's language comes from its environment`(environment: [String: String], language: Language) {
        #expect(Language(environment: environment) == language)
    }

    @Test(
        arguments: [
            ("", .en), ("ko", .ko), ("ko-KR,en;q=0.5", .ko), ("en;q=0.4, ko;q=0.6", .ko), ("de,fr;q=0.9", .en),
            ("ko;q=0", .en), ("ko;q=x", .en), ("en-GB, ko", .en), (",;,", .en),
        ] as [(String, Language)])
    func `a browser's language comes from its header`(header: String, language: Language) {
        #expect(Language(acceptLanguage: header) == language)
    }
}
