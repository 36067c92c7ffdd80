import Testing

@testable import Serve

@Suite struct AuthorityTests {
    @Test(
        arguments: [
            ("localhost", "localhost", nil), ("LocalHost:8000", "localhost", 8000), ("[::1]", "::1", nil),
            ("[::1]:80", "::1", 80), ("10.0.0.7:65535", "10.0.0.7", 65_535),
        ] as [(String, String, Int?)])
    func `a host and its port are read`(text: String, host: String, port: Int?) {
        let authority = Authority(text)
        #expect(authority?.host == host)
        #expect(authority?.port == port)
    }

    @Test(arguments: ["", ":80", "a:", "a:b", "a:65536", "a:-1", "[::1", "[::1]80", "u@a", "a/b", "a:８０"])
    func `anything else is no authority`(text: String) {
        #expect(Authority(text) == nil)
    }

    @Test func `the address that a connection came in on is ours, a name that points there is not`() throws {
        let names = HostNames(bound: "0.0.0.0", configured: [])
        let address = try #require(Authority("192.168.1.5:8000"))
        let name = try #require(Authority("rebound.example:8000"))
        #expect(names.contains(address, port: 8000, address: "192.168.1.5"))
        #expect(!names.contains(address, port: 8000, address: "192.168.1.6"))
        #expect(!names.contains(name, port: 8000, address: "192.168.1.5"))
    }
}
