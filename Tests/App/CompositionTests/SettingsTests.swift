import Foundation
import Logging
import Testing

@testable import Composition

@Suite struct `The settings` {
    private func load(_ environment: [String: String], flags: [Setting: String] = [:]) async throws -> Settings {
        try await Settings.load(
            flags: flags, environment: ["MILLRACE_HOME": "/nowhere/millrace"].merging(environment) { $1 })
    }

    @Test func `have defaults that fit together`() async throws {
        let settings = try await load([:])
        #expect(settings.port == 8000)
        #expect(settings.databaseURL == "sqlite:///nowhere/millrace/millrace.db")
        #expect(settings.models == "/nowhere/millrace/deps/models")
        #expect(settings.batchSize == 512)
        #expect(settings.pollSeconds == 10)
        #expect(settings.workers == 1)
        #expect(settings.threads == nil)
        #expect(settings.value(.port).origin == .standard)
    }

    @Test func `come from the flag before the environment before the file`() async throws {
        let home = NSTemporaryDirectory() + "millrace-settings-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: home) }
        try "PORT=1001\nBATCH_SIZE=33\n".write(toFile: home + "/millrace.env", atomically: true, encoding: .utf8)

        let file = try await load(["MILLRACE_HOME": home])
        #expect(file.port == 1001)
        #expect(file.value(.port).origin == .file(home + "/millrace.env"))
        let environment = try await load(["MILLRACE_HOME": home, "PORT": "1002"])
        #expect(environment.port == 1002)
        #expect(environment.batchSize == 33)
        let flag = try await load(["MILLRACE_HOME": home, "PORT": "1002"], flags: [.port: "1003"])
        #expect(flag.port == 1003)
        #expect(flag.value(.port).origin == .flag)
    }

    @Test(arguments: [
        ("PORT", "http"), ("PORT", "70000"), ("BATCH_SIZE", "0"), ("POLL_INTERVAL", "never"), ("DEVICE", "tpu"),
        ("MILLRACE_PRECISION", "fp8"), ("MILLRACE_LOG_LEVEL", "loud"), ("MILLRACE_NICE", "-3"),
        ("MILLRACE_THREADS", "0"), ("MILLRACE_ALERT_WEBHOOK", "ftp://x"),
    ])
    func `that are wrong are named, with where they came from`(name: String, value: String) async throws {
        let failure = await #expect(throws: Failure.self) { try await load([name: value]) }
        #expect(failure?.exit == .config)
        #expect(failure?.message.contains(name) == true)
    }

    @Test func `of the database name a file or a server`() async throws {
        #expect(try await load(["DATABASE_URL": "sqlite:///a/b.db"]).databaseAddress == .sqlite("/a/b.db"))
        guard case .sqlite(let path) = try await load(["DATABASE_URL": "sqlite://b.db"]).databaseAddress else {
            Issue.record("a file is no server")
            return
        }
        #expect(path.hasPrefix("/") && path.hasSuffix("/b.db"))
        for url in ["postgres://x/y", "postgresql://x/y"] {
            #expect(try await load(["DATABASE_URL": url]).databaseAddress == .postgres(url))
        }
        for url in ["sqlite://", "file.db", "mysql://x/y"] {
            let settings = try await load(["DATABASE_URL": url])
            #expect(throws: Failure.self) { try settings.databaseAddress }
        }
    }

    @Test func `look more often where a notification can be lost`() async throws {
        #expect(try await load(["DATABASE_URL": "postgres://x/y"]).pollSeconds == 0.4)
        #expect(try await load(["DATABASE_URL": "postgres://x/y", "POLL_INTERVAL": "3"]).pollSeconds == 3)
        #expect(try await load([:]).pollSeconds == 10)
    }

    @Test(arguments: [
        ("postgres://me:se%23cret@host:5432/shop?sslmode=require", "postgres://me:***@host:5432/shop?sslmode=require"),
        ("postgres://me@host/shop?password=secret&x=1", "postgres://me@host/shop?password=***&x=1"),
        ("postgres:///shop", "postgres:///shop"), ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
    ])
    func `show the database without its password`(url: String, shown: String) {
        #expect(Setting.database.shown(url) == shown)
    }

    @Test func `have an explanation each, and hide what is secret`() {
        for setting in Setting.allCases { #expect(!setting.explanation.isEmpty) }
        #expect(Setting.alertWebhook.shown("https://x") == "(hidden)" && Setting.alertSecret.shown("x") == "(hidden)")
        #expect(Setting.port.shown("8000") == "8000" && Setting.alertSecret.shown("") == "")
    }
}
