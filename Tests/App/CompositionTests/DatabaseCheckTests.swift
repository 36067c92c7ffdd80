import Core
import Foundation
import Logging
import Messages
import Sources
import TestDatabases
import Testing

@testable import Composition

/// A database with one attached table, and the settings that name it.
private struct Shop {
    let place: TestDatabase
    let settings: Settings
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init(_ dialect: Dialect) async throws {
        place = try await TestDatabase(dialect)
        let url = dialect == .sqlite ? "sqlite://\(place.address)" : place.address
        settings = try await Settings.load(environment: ["MILLRACE_HOME": "/nowhere/millrace", "DATABASE_URL": url])
    }

    func attach() async throws {
        try await change(
            "CREATE TABLE part(id \(place.dialect == .sqlite ? "INTEGER" : "bigint") PRIMARY KEY, name TEXT, v TEXT)")
        let database = try await place.open()
        try await database.migrate()
        let source = try await Attachment(database: database).add(
            AttachRequest(
                table: "part", key: ["id"], text: ["name"], into: "v", model: "all-minilm-l6-v2", dimension: 384)
        ).source
        let space = try settings.knownSpace(of: "all-minilm-l6-v2")
        let backfill = Backfill(database: database, source: source, space: space)
        try await backfill.start(.missing)
        while try await !backfill.step().isFinished {}
        await database.close()
    }

    func change(_ sql: String) async throws {
        let database = try await place.open()
        try await database.write { try $0.script(sql) }
        await database.close()
    }

    func check() async -> [String: DatabaseCheck.Line] {
        let lines = await DatabaseCheck(settings: settings, logger: Self.logger).run()
        return Dictionary(uniqueKeysWithValues: lines.map { ($0.name, $0) })
    }
}

@Suite struct `The check of a database` {
    @Test(arguments: Dialect.allCases)
    func `finds a whole one whole, and says what it looked at`(_ dialect: Dialect) async throws {
        let shop = try await Shop(dialect)
        try await shop.attach()
        let lines = await shop.check()
        #expect(lines.values.allSatisfy { $0.isWell }, "\(lines)")
        let names = ["database", "schema", "source part", "rows of part", "jobs"]
        #expect(Set(lines.keys) == Set(names + (dialect == .sqlite ? ["integrity"] : [])))
        let server = try #require(lines["database"]?.values)
        #expect(server["server"]?.hasPrefix(dialect == .sqlite ? "SQLite 3." : "PostgreSQL ") == true)
        #expect(["UTF-8", "UTF8"].contains(server["encoding"]))
        // Every placeholder has its value, in every language.
        for line in lines.values {
            for language in Language.allCases {
                #expect(!Messages.text(line.message, language, line.values).contains("{"), "\(line.name)")
            }
        }
    }

    @Test(arguments: Dialect.allCases)
    func `counts rows that no trigger saw, and mends nothing`(_ dialect: Dialect) async throws {
        let shop = try await Shop(dialect)
        try await shop.attach()
        let on = dialect == .sqlite ? "" : " ON part"
        let (own, bytes) = dialect == .sqlite ? ("millrace_", "x'00'") : ("millrace.", "'\\x00'::bytea")
        try await shop.change(
            """
            DROP TRIGGER trg_auto_embedding_ins_part\(on); DROP TRIGGER trg_auto_embedding_upd_part\(on);
            DROP TRIGGER trg_auto_embedding_del_part\(on);
            INSERT INTO part(id, name) VALUES (1, 'without an embedding'), (2, 'with another');
            INSERT INTO \(own)embedding(source_id, key, space, input_hash, vector, embedded_at) VALUES
                (1, '2', 's', \(bytes), \(bytes), 1), (1, '3', 's', \(bytes), \(bytes), 1);
            """)
        for _ in 0..<2 {
            let lines = await shop.check()
            #expect(lines["source part"]?.isWell == false)
            #expect(lines["source part"]?.figures["missing"] ?? 0 >= 3)
            #expect(lines["rows of part"] == nil)
        }
        // With the triggers back, as a running server puts them, the rows are judged.
        let database = try await shop.place.open()
        let source = try #require(try await database.read { try SourceStore().all(on: $0) }.first)
        try await database.write { try ObjectCheck(source).restore(on: $0) }
        await database.close()
        for _ in 0..<2 {
            let rows = try #require(await shop.check()["rows of part"])
            #expect(!rows.isWell)
            #expect(rows.figures == ["rows": 2, "missing": 1, "stale": 1, "ghosts": 1, "mislabelled": 0])
        }
    }

    @Test(arguments: Dialect.allCases)
    func `tells dead and held jobs, and an unfinished copy`(_ dialect: Dialect) async throws {
        let shop = try await Shop(dialect)
        try await shop.attach()
        let own = dialect == .sqlite ? "millrace_" : "millrace."
        try await shop.change(
            """
            INSERT INTO \(own)job_dead(source_id, key, attempt, reason, error, died_at) VALUES (1, '1', 1, 'r', 'e', 1);
            INSERT INTO \(own)job(source_id, key, state) VALUES (1, '2', 'held'), (1, '3', 'available');
            """)
        let jobs = try #require(await shop.check()["jobs"])
        #expect(!jobs.isWell)
        #expect(jobs.figures == ["dead": 1, "held": 1, "open": 1])
        guard dialect == .postgres else { return }
        try await shop.change(
            """
            INSERT INTO millrace.meta VALUES
                ('copy', '{"origin":"o","place":"/a/file","run":"r","madeTables":[],"filledTables":[],"sources":[]}')
            """)
        let copy = try #require(await shop.check()["copy"])
        #expect(!copy.isWell)
        #expect(copy.values["error"]?.contains("/a/file") == true)
        // Nor does any other command open it.
        let failure = await #expect(throws: TransferError.self) {
            try await DatabaseOpening.with(shop.settings, making: .database, logger: Shop.logger) { _ in }
        }
        #expect(failure.map { Failure($0).exit } == .config)
    }

    @Test(arguments: Dialect.allCases)
    func `makes nothing, and says which steps are missing`(_ dialect: Dialect) async throws {
        let shop = try await Shop(dialect)
        if dialect == .sqlite {
            let lines = await shop.check()
            #expect(lines["database"]?.isWell == false)
            #expect(!FileManager.default.fileExists(atPath: shop.place.address))
            try await shop.change("CREATE TABLE mine(id INTEGER PRIMARY KEY)")
        }
        let schema = try #require(await shop.check()["schema"])
        #expect(!schema.isWell)
        #expect(schema.figures["missing"] == Migration.all.count)
        #expect(try await DatabaseOpening.migrate(shop.settings, logger: Shop.logger) == Migration.all.map(\.name))
        #expect(try await DatabaseOpening.migrate(shop.settings, logger: Shop.logger) == [])
        #expect(await shop.check()["schema"]?.isWell == true)
    }

    @Test func `a role without rights opens what is up to date, and is told who brings it up to date`() async throws {
        let shop = try await Shop(.postgres)
        let role = "\(shop.place.name)_worker"
        try await shop.change("CREATE ROLE \(role)")
        try await shop.change("ALTER DATABASE \(shop.place.name) SET role = '\(role)'")
        let failure = await #expect(throws: Failure.self) {
            try await DatabaseOpening.with(shop.settings, making: .database, logger: Shop.logger) { _ in }
        }
        #expect(failure?.exit == .noPermission)
        #expect(failure?.message.contains("millrace db migrate") == true)
        try await shop.change("SET ROLE NONE; ALTER DATABASE \(shop.place.name) RESET role")
        _ = try await DatabaseOpening.migrate(shop.settings, logger: Shop.logger)
        try await shop.change(
            """
            GRANT USAGE ON SCHEMA millrace TO \(role); GRANT SELECT ON ALL TABLES IN SCHEMA millrace TO \(role);
            GRANT SELECT ON ALL SEQUENCES IN SCHEMA millrace TO \(role);
            ALTER DATABASE \(shop.place.name) SET role = '\(role)';
            """)
        try await DatabaseOpening.with(shop.settings, making: .database, logger: Shop.logger) { database in
            _ = try await database.read { try SourceStore().all(on: $0) }
        }
        try await shop.change("SET ROLE NONE; DROP OWNED BY \(role); ALTER DATABASE \(shop.place.name) RESET role")
        try await shop.change("SET ROLE NONE; DROP ROLE \(role)")
    }

    @Test func `a copy goes from a file to a server, and nowhere else`() async throws {
        let (file, server) = (try await Shop(.sqlite), try await Shop(.postgres))
        func copy(_ settings: Settings, _ target: String) throws -> DatabaseCopy {
            try DatabaseCopy(from: settings, to: target, logger: Shop.logger)
        }
        for (settings, target) in [
            (server.settings, server.place.address), (file.settings, "sqlite:///x.db"), (file.settings, "mysql://x"),
        ] {
            #expect(throws: Failure.self) { try copy(settings, target) }
        }
        // A file that is not there is not made, one of somebody else's gets no tables.
        let missing = await #expect(throws: DatabaseError.self) {
            try await copy(file.settings, server.place.address).run { _ in }
        }
        #expect(missing?.code == .cannotOpen)
        try await file.change("CREATE TABLE mine(id INTEGER PRIMARY KEY)")
        let foreign = await #expect(throws: Failure.self) {
            try await copy(file.settings, server.place.address).run { _ in }
        }
        #expect(foreign?.message.contains("--from") == true)
        try await file.change("SELECT 1")
        let secret = try copy(file.settings, "postgres://me:secret@host/db").shownTarget
        #expect(secret == "postgres://me:***@host/db")
    }
}
