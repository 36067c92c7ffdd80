import Testing

@testable import DatabasePostgres

struct NumberedTextTests {
    @Test(arguments: [
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1", ["a", "b"]),
        ("SELECT ':a', \":b\", :c", "SELECT ':a', \":b\", $1", ["c"]),
        ("SELECT 'it''s :a', :b", "SELECT 'it''s :a', $1", ["b"]),
        ("SELECT :a::text, '1'::int", "SELECT $1::text, '1'::int", ["a"]),
        ("SELECT E'\\':a', :b", "SELECT E'\\':a', $1", ["b"]),
        ("SELECT name'\\', :b", "SELECT name'\\', $1", ["b"]),
        ("SELECT 1 -- :a 'x\n, :b", "SELECT 1 -- :a 'x\n, $1", ["b"]),
        ("SELECT /* :a /* :b */ ' */ :c", "SELECT /* :a /* :b */ ' */ $1", ["c"]),
        ("SELECT $$ :a $$, $tag$ :b $$ $tag$, :c", "SELECT $$ :a $$, $tag$ :b $$ $tag$, $1", ["c"]),
        ("SELECT a$b$ :a", "SELECT a$b$ $1", ["a"]),
        ("SELECT x[1:2], :k0", "SELECT x[1:2], $1", ["k0"]),
        ("SELECT f(a := 1), :_b2", "SELECT f(a := 1), $1", ["_b2"]),
        ("SELECT \"it\"\"s :a\", :한", "SELECT \"it\"\"s :a\", :한", []),
        ("SELECT 'open :a", "SELECT 'open :a", []),
        ("SELECT :", "SELECT :", []),
        ("SELECT $1, $", "SELECT $1, $", []),
        ("", "", []),
    ])
    func `what is a parameter gets a number and nothing else is touched`(
        _ given: String, _ wanted: String, _ names: [String]
    ) {
        let numbered = NumberedText(given)
        #expect(numbered.text == wanted)
        #expect(numbered.names == names)
    }
}
