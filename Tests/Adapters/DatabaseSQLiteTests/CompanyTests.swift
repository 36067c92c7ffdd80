import Core
import Foundation
import Testing

@testable import DatabaseSQLite

struct CompanyTests {
    private func answer(_ lines: [String]) -> Company.Answer {
        Company.answer(
            lines.joined(separator: "\n"), memory: FileName(text: "fe:00:11"), turn: FileName(text: "fe:00:12"),
            process: 7)
    }

    private let me = ["1: POSIX  ADVISORY  READ 7 fe:00:11 127 128", "2: POSIX  ADVISORY  READ 7 fe:00:12 64 64"]

    @Test func `who has the file open and is not of Millrace is another`() {
        #expect(answer(me) == .nobody)
        #expect(answer(me + ["3: POSIX  ADVISORY  READ 8 fe:00:11 128 128"]) == .others)
        #expect(
            answer(me + ["3: POSIX  ADVISORY  READ 8 fe:00:11 128 128", "4: POSIX  ADVISORY  READ 8 fe:00:12 64 64"])
                == .ownProcesses)
        #expect(answer(me + ["3: POSIX  ADVISORY  WRITE 8 fe:00:11 0 EOF"]) == .others)
    }

    @Test func `locks of other files, of other bytes and of other kinds tell nothing`() {
        #expect(
            answer(
                me + [
                    "3: POSIX  ADVISORY  READ 8 fe:00:13 128 128", "4: POSIX  ADVISORY  READ 8 fe:00:11 120 123",
                    "5: FLOCK  ADVISORY  WRITE 8 fe:00:12 0 EOF", "5: -> FLOCK  ADVISORY  WRITE 9 fe:00:12 0 EOF",
                    "6: LEASE  ACTIVE    READ 8 fe:00:11 0 EOF", "nonsense",
                ]) == .nobody)
    }

    @Test func `a list without this process is not relied upon`() {
        #expect(answer([]) == .others)
        #expect(answer([me[0]]) == .others)
        #expect(answer([me[1]]) == .others)
    }

    @Test func `another program is seen for as long as it has the file open`() async throws {
        let file = DatabaseFile()
        let database = try await file.open()
        try await database.write { try $0.script("CREATE TABLE t(a)") }
        let turn = open(file.path + "-millrace-turn", O_RDWR)
        defer { close(turn) }
        let company = Company(of: file.path, turn: turn)
        // In a container, where other processes cannot be seen, nobody is ever taken to be alone.
        let alone: Company.Answer = Company.seesEveryProcess ? .nobody : .others
        #expect(company.look() == alone)
        let program = try Program(
            "python3",
            [
                "-c",
                """
                import sqlite3, sys, time
                c = sqlite3.connect(sys.argv[1])
                c.execute('SELECT count(*) FROM t').fetchall()
                print('open', flush=True)
                time.sleep(3600)
                """, file.path,
            ])
        #expect(program.line() == "open")
        #expect(company.look() == .others)
        program.kill()
        #expect(company.look() == alone)
        await database.close()
    }
}
