import Core
import Testing

@testable import Sources

/// A table that is not like the reference table, and writes to it by a program that knows nothing of Millrace.
struct OddTable: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let schema: String
    let table: String
    let key: [String]
    let text: [String]
    var template: String?
    let into: String
    let insert: String
    let change: String
    let delete: String

    static let all = [
        OddTable(
            testDescription: "composite key",
            schema: "CREATE TABLE t(a TEXT NOT NULL, b INT NOT NULL, x TEXT, v TEXT, UNIQUE(a,b));",
            table: "t", key: ["a", "b"], text: ["x"], into: "v",
            insert: "INSERT INTO t(a,b,x) VALUES ('o''k',1,'one'),('o''k',2,'two'),('p,q',1,'three')",
            change: "UPDATE t SET x='two and a half' WHERE b=2", delete: "DELETE FROM t WHERE a='p,q'"),
        OddTable(
            testDescription: "composite key in another order",
            schema: "CREATE TABLE t(a TEXT, b INT, x TEXT, v TEXT, PRIMARY KEY(a,b)) WITHOUT ROWID;",
            table: "t", key: ["b", "a"], text: ["x"], into: "v",
            insert: "INSERT INTO t(a,b,x) VALUES ('k',1,'one'),('l',1,'two'),('k',2,'three')",
            change: "UPDATE t SET x='changed' WHERE b=1", delete: "DELETE FROM t WHERE b=2"),
        OddTable(
            testDescription: "text key", schema: "CREATE TABLE t(sku TEXT PRIMARY KEY, x TEXT, v BLOB);",
            table: "T", key: ["SKU"], text: ["X"], into: "V",
            insert: "INSERT INTO t(sku,x) VALUES ('','empty'),('1','digits'),('한글','korean'),('a''b\"c','quotes')",
            change: "UPDATE t SET x='other' WHERE sku='한글'", delete: "DELETE FROM t WHERE sku='1'"),
        OddTable(
            testDescription: "keys of any type", schema: "CREATE TABLE t(k UNIQUE NOT NULL, x TEXT, v BLOB);",
            table: "t", key: ["k"], text: ["x"], into: "v",
            insert:
                "INSERT INTO t(k,x) VALUES (1,'integer'),('1','text'),(0.1,'real'),(x'00ff','blob'),(-9223372036854775808,'least')",
            change: "UPDATE t SET x='other' WHERE typeof(k)<>'text'", delete: "DELETE FROM t WHERE k=0.1"),
        OddTable(
            testDescription: "strict",
            schema: "CREATE TABLE t(id INT PRIMARY KEY, x TEXT, v BLOB, updated_at INTEGER) STRICT;",
            table: "t", key: ["id"], text: ["x"], into: "v",
            insert: "INSERT INTO t(id,x) VALUES (1,'one'),(2,'two')", change: "UPDATE t SET x=x||'!'",
            delete: "DELETE FROM t WHERE id=1"),
        OddTable(
            testDescription: "odd identifiers",
            schema:
                #"CREATE TABLE "my ""table"""("id of" INTEGER PRIMARY KEY, "본 문" TEXT, "select" TEXT, "MixedCase v" TEXT);"#,
            table: #"my "table""#, key: ["id of"], text: ["본 문", "select"], into: "MixedCase v",
            insert: #"INSERT INTO "my ""table"""("본 문","select") VALUES ('안녕','하세요'),('하나',NULL),('  ','')"#,
            change: #"UPDATE "my ""table""" SET "select"='changed'"#,
            delete: #"DELETE FROM "my ""table""" WHERE "id of"=1"#),
        OddTable(
            testDescription: "a keyword and names of the view's own",
            schema: #"CREATE TABLE "word"("order" INTEGER PRIMARY KEY, "group" TEXT, "count" TEXT);"#,
            table: "word", key: ["order"], text: ["group"], into: "count",
            insert: #"INSERT INTO word("group") VALUES ('a'),('b')"#,
            change: #"UPDATE word SET "group"='c' WHERE "order"=1"#,
            delete: #"DELETE FROM word WHERE "order"=2"#),
        OddTable(
            testDescription: "letters that compare as equal",
            schema: "CREATE TABLE t(sku TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, x TEXT COLLATE NOCASE, v TEXT);",
            table: "t", key: ["sku"], text: ["x"], into: "v",
            insert: "INSERT INTO t(sku,x) VALUES ('Abc','bolt'),('d','nut')",
            change: "UPDATE t SET x='BOLT'; UPDATE t SET sku='aBC' WHERE sku='abc'",
            delete: "DELETE FROM t WHERE sku='D'"),
        OddTable(
            testDescription: "a template", schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, title TEXT, n INT, v TEXT);",
            table: "t", key: ["id"], text: ["title", "n"], template: "{{{title}}} × {n}", into: "v",
            insert: "INSERT INTO t(title,n) VALUES ('bolt',4),(NULL,NULL),('nut',NULL)",
            change: "UPDATE t SET n=5", delete: "DELETE FROM t WHERE id=1"),
    ]
}

struct OddTablesTests {
    @Test(arguments: OddTable.all)
    func `a table of any shape is kept in step`(odd: OddTable) async throws {
        let shop = try await Workshop(.sqlite, odd.schema + "\n" + odd.insert + ";")
        var request = shop.request(odd.table, key: odd.key, text: odd.text, into: odd.into)
        request.template = odd.template
        let source = try await shop.attach(request)
        try await shop.work()
        try await shop.expectInStep(source)
        for sql in [odd.change, odd.delete] {
            #expect(try shop.shell(sql + ";") == "")
            try await shop.work()
            try await shop.expectInStep(source)
        }
        #expect(try await shop.sweep(source).isClean)
        let names = source.ddl.names
        #expect(try shop.shell("SELECT sum(percentage) > 99.9 FROM \(names.statusView);") == "1")
        #expect(try shop.shell("SELECT count(*) FROM \(names.queueView);") == "0")

        let vectors =
            "SELECT count(*) FROM \(Identifier(source.definition.table)) WHERE \(Identifier(source.definition.into)) NOT NULL;"
        let written = try shop.shell(vectors)
        _ = try await shop.attachment.remove(source.collection, erases: false)
        #expect(try shop.shell(vectors) == written)
        let columns = try shop.shell(
            "SELECT group_concat(name) FROM pragma_table_info(\(Key.quote(.text(source.definition.table))));")
        #expect(!columns.contains("embedding_status"))
    }

    @Test func `a key that is NULL is nobody's row, and holds the others up in nothing`() async throws {
        let shop = try await Workshop(
            .sqlite, "CREATE TABLE t(sku TEXT PRIMARY KEY, x TEXT, v TEXT); INSERT INTO t VALUES ('a','one',NULL);")
        let source = try await shop.attach(shop.request("t", key: ["sku"], text: ["x"], into: "v"))
        try shop.shell("INSERT INTO t(sku,x) VALUES (NULL,'keyless'),('b','two');")
        try await shop.work()
        try await shop.takeIn(source, .all, pageSize: 1)
        try await shop.work()
        try await shop.expectInStep(source)
        #expect(shop.embedder.texts.contains("keyless") == false)
    }
}
