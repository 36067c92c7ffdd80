import Secrets
import Testing

@Suite struct `A secret` {
    private let secret = Secret("correct-horse-battery")

    @Test func `is printed, reflected and interpolated as hidden`() {
        #expect("\(secret)" == "(hidden)")
        #expect(String(reflecting: secret) == "(hidden)")
        var dumped = ""
        dump(secret, to: &dumped)
        dump([secret], to: &dumped)
        #expect(!dumped.contains("horse"))
        #expect(!dumped.contains("99"), "the bytes are hidden too")
    }

    @Test func `matches itself alone`() {
        #expect(secret.matches("correct-horse-battery"))
        for other in [
            "", "c", "correct-horse-batterx", "Correct-horse-battery", "correct-horse-battery ",
            "correct-horse-batterycorrect-horse-battery", "correct-horse-batter",
        ] {
            #expect(!secret.matches(other), "\(other)")
        }
    }

    @Test func `that is empty matches nothing`() {
        #expect(!Secret("").matches(""))
        #expect(!Secret("").matches("a"))
    }

    @Test(arguments: [
        ("short", "5 characters"), ("fifteen-letters", "15 characters"), ("sixteen letters!", "space"),
        ("한국어로만든긴비밀번호입니다", "header"), ("line\nbreak-in-the-token", "header"),
    ])
    func `that cannot be a token says why`(text: String, word: String) {
        #expect(Secret(text).faultAsToken?.contains(word) == true)
    }

    @Test func `of sixteen visible characters can be a token`() {
        #expect(Secret("sixteen-letters!").faultAsToken == nil)
    }

    @Test func `made at random is long and never the same`() {
        let made = (0..<100).map { _ in Secret.random().reveal() }
        #expect(Set(made).count == 100)
        #expect(made.allSatisfy { $0.count == 64 && $0.allSatisfy(\.isHexDigit) })
    }
}
