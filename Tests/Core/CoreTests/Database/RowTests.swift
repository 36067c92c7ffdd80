import Core
import Testing

struct RowTests {
    let row = Row([7, "text", .real(0.5), .blob([1, 2]), nil])

    @Test func `values are read by their column`() {
        #expect(row.count == 5)
        #expect(row.integer(0) == 7)
        #expect(row.text(1) == "text")
        #expect(row.id(0, of: Job.self) == ID<Job>(7))
        #expect(row[3].blob == [1, 2])
        #expect(row[4].isNull)
    }

    @Test func `a value is read as its own type only`() {
        #expect(row[0].text == nil)
        #expect(row[1].integer == nil)
        #expect(row[2].integer == nil)
        #expect(row[3].text == nil)
        #expect(row[0].real == 7)
        #expect(row[2].real == 0.5)
        #expect(row[1].real == nil)
        #expect(!row[0].isNull)
    }

    @Test func `another type than the statement promised is a fault of the program`() async {
        await #expect(processExitsWith: .failure) { _ = Row(["text"]).integer(0) }
        await #expect(processExitsWith: .failure) { _ = Row([nil]).text(0) }
    }

    @Test func `a missing text is NULL`() {
        #expect(Value(String?.none) == .null)
        #expect(Value("a" as String?) == .text("a"))
    }
}
