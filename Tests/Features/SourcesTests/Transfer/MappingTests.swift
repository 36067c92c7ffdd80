import Core
import Testing

@testable import Sources

/// A column as it was declared, some values, and the type that it becomes.
struct MappedColumn: Sendable, CustomTestStringConvertible {
    let declared: String
    let values: [Value]
    let type: String
    var keepsSpelling = false

    init(_ declared: String, _ values: [Value], _ type: String, keepsSpelling: Bool = false) {
        (self.declared, self.values, self.type, self.keepsSpelling) = (declared, values, type, keepsSpelling)
    }

    var testDescription: String { "\(declared.isEmpty ? "no type" : declared) of \(values) is \(type)" }

    static let all: [MappedColumn] = [
        .init("INTEGER", [1], "bigint"),
        .init("int", [], "bigint"),
        .init("UNSIGNED BIG INT", [9_223_372_036_854_775_807], "bigint"),
        .init("TINYINT(1)", [0], "bigint"),
        .init("TEXT", ["x"], "text"),
        .init("VARCHAR(40)", ["x"], "text"),
        .init("NATIVE CHARACTER(70)", [], "text"),
        .init("CLOB", [], "text"),
        .init("BLOB", [.blob([1])], "bytea"),
        .init("REAL", [.real(1.5)], "double precision"),
        .init("DOUBLE PRECISION", [], "double precision"),
        .init("FLOAT", [], "double precision"),
        .init("NUMERIC", [1, .real(1.5)], "numeric"),
        .init("DECIMAL(10,2)", [], "numeric"),
        // A key's spelling goes by its type, and whole numbers are spelled alike as integers.
        .init("NUMERIC", [1], "bigint", keepsSpelling: true),
        .init("NUMERIC", [1, .real(0.5)], "numeric", keepsSpelling: true),
        .init("BOOLEAN", [0, 1, nil], "boolean"),
        .init("BOOLEAN", [0, 2], "bigint"),
        .init("BOOLEAN", [0, 1], "bigint", keepsSpelling: true),
        .init("JSON", ["{}"], "text"),
        .init("DATETIME", ["2026-01-31 12:34:56", nil], "timestamptz"),
        .init("TIMESTAMP", ["2026-01-31T12:34:56.123456+09:00", "2026-01-31"], "timestamptz"),
        .init("DATETIME", [], "timestamptz"),
        .init("DATETIME", ["2026-01-31 12:34:56"], "text", keepsSpelling: true),
        .init("DATETIME", ["2026-01-31", "yesterday"], "text"),
        .init("DATETIME", [1_769_862_896], "bigint"),
        .init("DATETIME", [1_769_862_896, .real(2461072.5)], "numeric"),
        .init("DATETIME", [1_769_862_896, "2026-01-31"], "text"),
        .init("DATE", ["2026-01-31"], "date"),
        .init("DATE", ["2026-01-31", "2026-01-31 12:00"], "timestamptz"),
        .init("TIME", ["12:34:56"], "text"),
        // More digits than PostgreSQL keeps.
        .init("DATETIME", ["2026-01-31 12:34:56.1234567"], "text"),
        .init("", [], "bytea"),
        .init("", [.blob([])], "bytea"),
        .init("", [1, 2], "bigint"),
        .init("", [1, .real(0.5)], "numeric"),
        .init("", [.real(0.5)], "double precision"),
        .init("", ["x"], "text"),
        .init("ANY", [1, "x"], "text"),
    ]
}

struct MappingTests {
    static func census(_ values: [Value], _ declared: String) -> ColumnCensus {
        var census = ColumnCensus()
        let looks = ColumnChoice.looksForMoments(declared)
        for (index, value) in values.enumerated() {
            census.add(ValueTrait(value, looksForMoments: looks), value, key: Key([Value(index)]))
        }
        return census
    }

    @Test(arguments: MappedColumn.all)
    func `a column becomes the type that its declaration and its values ask for`(_ column: MappedColumn) {
        let choice = ColumnChoice(
            declaredType: column.declared, census: Self.census(column.values, column.declared),
            keepsSpelling: column.keepsSpelling)
        #expect(choice.form.type == column.type)
        // Whatever is chosen by looking at the values holds them.
        let isByValues = column.declared.isEmpty || column.declared.hasPrefix("DATE") || column.declared == "ANY"
        if isByValues {
            for value in column.values where !value.isNull {
                #expect(choice.form.written(value) != nil, "\(value)")
            }
        }
    }

    /// A form, a value, and what is written of it; nil where it has no place.
    static let written: [(ColumnForm, Value, Value?)] = [
        (.integer, .integer(.max), .integer(.max)), (.integer, .integer(.min), .integer(.min)),
        (.integer, .real(1), nil), (.integer, "1", nil),
        (.truth, 1, 1), (.truth, 2, nil),
        (.number, .real(0.1), .real(0.1)), (.number, .real(.infinity), nil), (.number, "1", nil),
        (.real, .real(-.infinity), .real(-.infinity)), (.real, 3, .real(3)),
        (.real, .integer(9_007_199_254_740_993), nil),
        (.text, "한글", "한글"), (.text, 5, "5"), (.text, .real(5), "5.0"), (.text, .blob([1]), nil),
        (.bytes, .blob([]), .blob([])), (.bytes, "x", nil),
        (.moment, "2026-01-31", "2026-01-31 00:00:00.000000+00"),
        (.moment, "2026-01-31 12:34:56.789", "2026-01-31 12:34:56.789000+00"),
        (.moment, "2026-01-31T12:34:56+09:00", "2026-01-31 03:34:56.000000+00"),
        (.moment, "soon", nil), (.localMoment, "2026-01-31 12:34", "2026-01-31 12:34:00.000000"),
        (.day, "2026-02-29", nil), (.day, "2024-02-29", "2024-02-29"),
        (.vector(.vector, dimension: 2), "[1, 0.5]", "[1.0,0.5]"), (.vector(.vector, dimension: 2), "[1]", nil),
        (.vector(.realArray, dimension: 1), .blob([0, 0, 128, 63]), "{1.0}"),
        (.document, #"{"a":1}"#, #"{"a":1}"#), (.document, 5, "5"),
        (.number, nil, .null),
    ]

    @Test(arguments: written)
    func `a value is written as its column's type takes it`(_ form: ColumnForm, _ value: Value, _ written: Value?) {
        #expect(form.written(value) == written)
    }

    /// A form, what PostgreSQL gave, what SQLite had, and whether they are the same.
    static let held: [(ColumnForm, Value, Value, Bool)] = [
        (.integer, 1, 1, true), (.integer, 1, 2, false), (.integer, nil, 0, false), (.integer, nil, nil, true),
        (.text, "é", "é", true), (.text, "e\u{301}", "é", false), (.text, "5", 5, true), (.text, "5", .real(5), false),
        (.number, "0.1", .real(0.1), true), (.number, "100000000000000000000", .real(1e20), true),
        (.number, "0.10000000000000001", .real(0.2), false), (.number, "5", 5, true), (.number, "5.0", .real(5), true),
        (.real, .real(.infinity), .real(.infinity), true), (.real, .real(0.1), .real(0.1.nextUp), false),
        (.single, .real(Double(Float(0.1))), .real(0.1), false), (.single, .real(0.5), .real(0.5), true),
        (.moment, "2026-01-31 03:34:56+00", "2026-01-31T12:34:56+09:00", true),
        (.moment, "2026-01-31 03:34:56.1+00", "2026-01-31 03:34:56", false),
        (.uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", true),
        (.document, #"{"b": 2, "a": [1, null]}"#, #"{"a":[1,null],"b":2}"#, true),
        (.document, #"{"a": 1}"#, #"{"a":2}"#, false),
        (.vector(.vector, dimension: 2), "[1,0.25]", "[1.0, 0.25]", true),
        (.vector(.vector, dimension: 2), "[1,0.25]", "[1.0, 0.5]", false),
        (.vector(.halfvec, dimension: 1), "[0.099975586]", "[0.1]", true),
    ]

    @Test(arguments: held)
    func `a difference in one digit, byte or microsecond is seen`(
        _ form: ColumnForm, _ stored: Value, _ original: Value, _ isSame: Bool
    ) {
        #expect(form.holds(stored, of: original) == isSame)
    }

    @Test(arguments: [
        ("numeric", Value.text("5"), Value?.some(5)), ("numeric", "0.5", .real(0.5)), ("bytea", .blob([1]), .blob([1])),
        ("timestamptz", "2026-01-31 00:00:00+00", nil),
    ])
    func `a key is found again by the value that SQLite had`(_ type: String, _ stored: Value, _ original: Value?) throws
    {
        let form = try #require(
            ColumnForm(TableShape.ColumnType(schema: "pg_catalog", name: type, size: nil), dimension: nil))
        #expect(form.original(stored) == original)
        #expect(form.isReversible == (original != nil))
    }

    @Test(arguments: ValueTrait.allCases)
    func `what no column of PostgreSQL's can hold has no place in any`(_ trait: ValueTrait) {
        let forms: [ColumnForm] = [.integer, .truth, .number, .real, .text, .bytes, .moment, .day, .uuid, .document]
        let isHeld = forms.contains { $0.takes(trait) }
        #expect(isHeld == ![.textWithNull, .brokenText].contains(trait))
    }
}
