import Core
import Testing

@testable import Sources

struct TemplateTests {
    @Test(
        arguments: [
            (nil, ["a"], "a"), (nil, ["a", "b"], "a\nb"), (nil, ["a", " ", "c"], "a\nc"), (nil, ["", "\t"], nil),
            ("{x}: {y}", ["a", "b"], "a: b"), ("{y}{x}", ["a", "b"], "ba"), ("{x} {{y}}", ["a", ""], "a {y}"),
            ("{x}: {y}", ["", " "], nil), ("{x}", ["  a  ", ""], "  a  "),
        ] as [(String?, [String], String?)])
    func `columns become one text`(template: String?, values: [String], text: String?) throws {
        let template = try Template(template, columns: values.count == 1 ? ["x"] : ["x", "y", "z"])
        #expect(try template.render(values.map(Value.text)) == text)
    }

    @Test func `numbers are written in decimal and blobs are refused`() throws {
        let template = try Template(nil, columns: ["x", "y"])
        #expect(try template.render([.integer(-7), .real(2.5)]) == "-7\n2.5")
        #expect(try template.render([.null, .null]) == nil)
        #expect(throws: SourceError.self) { try template.render([.text("a"), .blob([1, 2])]) }
    }
}

struct VectorFormatTests {
    @Test(arguments: [VectorFormat.json, .float32])
    func `a vector reads back as the same numbers`(format: VectorFormat) {
        let vector: [Float] = [0.1, -0.25, 1e-30, .leastNonzeroMagnitude, 3.4e38, 0]
        #expect(VectorFormat.vector(in: format.value(vector), dimension: 6) == vector)
        #expect(VectorFormat.vector(in: format.value(vector), dimension: 5) == nil)
    }

    @Test(
        arguments: [
            .null, .integer(1), .text(""), .text("[]"), .text("[1]"), .text("1,2"), .text("[1,2"), .text("[1,x]"),
            .text("[1,nan]"),
            .text("[1,,2]"), .blob([1, 2, 3]), .blob([0, 0, 128, 127, 0, 0, 0, 0]),
        ] as [Value])
    func `what is no vector is none`(value: Value) {
        #expect(VectorFormat.vector(in: value, dimension: 2) == nil)
    }

    @Test func `spaces in JSON do not matter`() {
        #expect(VectorFormat.vector(in: .text("[ 1.0 ,\n-2e0 ]"), dimension: 2) == [1, -2])
    }
}
