import Core
import DatabasePostgres
import Foundation
import TestDatabases
import Testing

/// What opening refuses, each with one sentence that says what, where and how to fix it.
struct OpeningTests {
    private func refused(_ url: String) async -> DatabaseError? {
        await refusal { try await open(url: url) { $0.connectTimeout = .seconds(5) } }
    }

    /// A role with a password and what `rest` gives it. - Returns: its name.
    private func role(_ rest: String = "", on place: TestDatabase) async throws -> String {
        let name = "role_of_\(place.name)"
        try await TestServer.shared().run("CREATE ROLE \(name) LOGIN PASSWORD 'right' \(rest)")
        return name
    }

    @Test(arguments: [
        "postgres://host:port:1/x", "postgres://h/x?sslmod=require", "mysql://h/x", "postgres://h%/x", "",
    ])
    func `a URL that cannot be read`(url: String) async {
        let error = await refused(url)
        #expect(url.isEmpty || error?.code == .cannotOpen || error?.code == .io)
        #expect(error?.message.contains("secret") == false)
    }

    @Test func `a URL that cannot be read does not show its password`() async {
        let error = await refused("postgres://user:sec%ret@host/x")
        #expect(error?.code == .cannotOpen)
        #expect(error?.message.contains("ret@") == false)
        #expect(error?.message.contains("percent form") == true)
    }

    @Test func `a wrong password and a missing one`() async throws {
        let place = try await TestDatabase(.postgres)
        let (server, role) = (try await TestServer.shared(), try await role(on: place))
        let right = try await open(url: server.url(of: place.name, role: role, password: "right"))
        #expect(try await right.value("SELECT current_user::text") == .text(role))
        #expect(right.place == "127.0.0.1:\(server.port)/\(place.name)")
        await right.close()
        let wrong = await refused(server.url(of: place.name, role: role, password: "hidden"))
        #expect(wrong?.code == .cannotOpen)
        #expect(wrong?.message.contains("password") == true && wrong?.message.contains("hidden") == false)
        #expect(wrong?.message.contains("127.0.0.1:\(server.port)/\(place.name)") == true)
        let missing = await refused("postgres://\(role)@127.0.0.1:\(server.port)/\(place.name)?passfile=/nowhere")
        #expect(missing?.code == .cannotOpen)
        #expect(missing?.message.contains("password") == true)
    }

    @Test func `a database that is not there`() async throws {
        let error = await refused(try await TestServer.shared().url(of: "none"))
        #expect(error?.code == .cannotOpen)
        #expect(error?.message.contains("createdb") == true)
    }

    @Test func `a server that is not there, and one that never answers`() async throws {
        let nobody = await refused("postgres://u@127.0.0.1:1/x")
        #expect(nobody?.code == .io)
        #expect(nobody?.message.contains("127.0.0.1:1/x cannot be reached") == true)
        #expect(await refused("postgres://u@no-such-host.invalid/x")?.code == .io)
        let silent = try FakeServer(answering: "")
        let start = ContinuousClock.now
        let error = await refused("postgres://u@127.0.0.1:\(silent.port)/x?connect_timeout=2&sslmode=disable")
        #expect(error?.code == .io)
        #expect(error?.message.contains("did not answer for 2") == true)
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test func `a server that is too old`() async throws {
        let old = try FakeServer(answering: "12.9")
        let error = await refused("postgres://u@127.0.0.1:\(old.port)/x?sslmode=disable")
        #expect(error?.code == .cannotOpen)
        #expect(error?.message.contains("PostgreSQL 12") == true && error?.message.contains("13") == true)
    }

    @Test func `a database in another encoding than UTF-8`() async throws {
        let server = try await TestServer.shared()
        let name = try await server.createDatabase("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        let error = await refused(server.url(of: name))
        #expect(error?.code == .cannotOpen)
        #expect(error?.message.contains("LATIN1") == true && error?.message.contains("UTF8") == true)
        server.isDone(with: name)
    }

    @Test func `a database that is set to read only`() async throws {
        let place = try await TestDatabase(.postgres)
        try await TestServer.shared().run("ALTER DATABASE \(place.name) SET default_transaction_read_only = on")
        let error = await refused(place.address)
        #expect(error?.code == .readOnly)
        #expect(error?.message.contains("primary") == true)
    }

    @Test func `a replica, and the primary found behind it`() async throws {
        let primary = try await PrivateServer()
        let replica = try await PrivateServer.replica(of: primary)
        let error = await refused(replica.url)
        #expect(error?.code == .readOnly)
        #expect(error?.message.contains("replica") == true)
        let both = replica.address + "," + primary.address
        let ports = replica.port + "," + primary.port
        let database = try await open(
            url: "postgres://postgres@/postgres?host=\(both)&port=\(ports)&target_session_attrs=read-write")
        #expect(try await database.value("SELECT pg_is_in_recovery()") == 0)
        await database.close()
    }

    @Test func `a server with no connection left`() async throws {
        let place = try await TestDatabase(.postgres)
        let (server, role) = (try await TestServer.shared(), try await role("CONNECTION LIMIT 0", on: place))
        let error = await refused(server.url(of: place.name, role: role, password: "right"))
        #expect(error?.code == .busy)
        #expect(error?.message.contains("max_connections") == true)
    }

    @Test func `a role that may not connect`() async throws {
        let place = try await TestDatabase(.postgres)
        let (server, role) = (try await TestServer.shared(), try await role(on: place))
        try await server.run("REVOKE CONNECT ON DATABASE \(place.name) FROM PUBLIC")
        let error = await refused(server.url(of: place.name, role: role, password: "right"))
        #expect(error?.code == .denied)
        #expect(error?.message.contains("GRANT CONNECT ON DATABASE") == true)
    }

    static let denied = [
        ("SELECT * FROM s.t", "GRANT SELECT ON s.t TO"),
        ("SELECT x.total FROM (SELECT a AS total FROM s.t) AS x", "GRANT SELECT ON s.t TO"),
        ("SELECT a FROM \"s\".\"t\"", "GRANT SELECT ON \"s\".t TO"),
        ("UPDATE s.t SET a = 1 WHERE a = 2", "GRANT SELECT, UPDATE ON s.t TO"),
        ("DELETE FROM s.t", "GRANT SELECT, DELETE ON s.t TO"),
        ("INSERT INTO s.t VALUES (1)", "GRANT SELECT, INSERT ON s.t TO"),
        ("TRUNCATE s.t", "GRANT TRUNCATE ON s.t TO"), ("SELECT nextval('s.q')", "GRANT USAGE ON SEQUENCE s.q TO"),
        ("SELECT * FROM hidden.t", "GRANT USAGE ON SCHEMA hidden TO"),
        ("CREATE TABLE s.u(a int)", "GRANT CREATE, USAGE ON SCHEMA s TO"),
        ("CREATE SCHEMA mine", "GRANT CREATE ON DATABASE"), ("SELECT s.f()", "GRANT EXECUTE ON FUNCTION s.f TO"),
        ("ALTER TABLE s.t ADD COLUMN b int", "OWNER TO"),
        ("SELECT * FROM s.\"Größe \"\"x\"", "GRANT SELECT ON s.\"Größe \"\"x\" TO"),
    ]

    @Test func `a missing privilege is named with its GRANT`() async throws {
        let place = try await TestDatabase(.postgres)
        let (server, role) = (try await TestServer.shared(), try await role(on: place))
        let owner = try await open(place)
        try await owner.write { connection in
            try connection.script(
                """
                CREATE SCHEMA s; CREATE TABLE s.t(a int); CREATE SEQUENCE s.q; CREATE SCHEMA hidden; CREATE TABLE hidden.t(a int);
                CREATE TABLE s."Größe ""x"(a int);
                CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION s.f FROM PUBLIC;
                GRANT USAGE ON SCHEMA s TO \(role);
                """)
        }
        let database = try await open(url: server.url(of: place.name, role: role, password: "right"))
        for (statement, grant) in Self.denied {
            let error = await refusal { try await database.write { try $0.run(.both(SQLText(statement))) } }
            #expect(error?.code == .denied, "\(statement)")
            #expect(error?.message.contains(grant) == true, "\(error?.message ?? "nothing") for \(statement)")
            #expect(error?.message.contains(role) == true)
        }
        await database.close()
        await owner.close()
    }

    @Test func `our settings hold, whatever the role's own are`() async throws {
        let place = try await TestDatabase(.postgres)
        try await TestServer.shared().run("ALTER DATABASE \(place.name) SET TimeZone = 'Asia/Seoul'")
        try await TestServer.shared().run("ALTER DATABASE \(place.name) SET bytea_output = 'escape'")
        try await TestServer.shared().run("ALTER DATABASE \(place.name) SET statement_timeout = '1ms'")
        for isPrepared in [true, false] {
            let database = try await open(place) { $0.preparesStatements = isPrepared }
            let settings = try await database.read { connection in
                try connection.rows(
                    .both(
                        """
                        SELECT setting FROM pg_settings WHERE name IN ('TimeZone', 'client_encoding', 'statement_timeout',
                            'lock_timeout', 'idle_in_transaction_session_timeout', 'application_name') ORDER BY name
                        """)
                ).map { $0.text(0) }
            }
            #expect(settings == ["UTC", "millrace", "UTF8", "10000", "10000", "60000"])
            #expect(try await database.value("SELECT '\\x00ff'::bytea") == .blob([0, 255]))
            await database.close()
        }
    }

    @Test func `what the URL says itself wins`() async throws {
        let place = try await TestDatabase(.postgres)
        defer { withExtendedLifetime(place) {} }
        let database = try await open(
            url: place.address + "?application_name=mine&options=-c%20statement_timeout%3D1234")
        #expect(try await database.value("SELECT current_setting('application_name')") == "mine")
        #expect(try await database.value("SELECT current_setting('statement_timeout')") == "1234ms")
        await database.close()
    }
}
