import Core
import Testing

/// What needs no database; that the spelling is SQLite's own is tested beside a real connection in StoresTests.
struct KeyTests {
    @Test(arguments: [
        "", ",", "1,", ",1", "1,,2", "'", "'a", "a'", "'a'b", "'a' ", " 1", "1 ", "X", "X'", "X'0'", "X'0G'", "X'00",
        "X'00'1", "x", "nan", "NaN", "inf", "infinity", "0x10", "0x1p3", "0X1p3", "-0x1", "+5", "-", "--5", ".", ".5",
        "1e", "e5", "null", "NULLS", "1;DROP TABLE parts", "1 OR 1=1", "'a','b", "X'00''11'", "٣", "1_000",
    ])
    func `a text that is no list of literals has no values`(literal: String) {
        #expect(Key(literal: literal).values == nil)
        #expect(Key(literal: literal).description == literal)
    }

    @Test func `the type of a value survives`() {
        #expect(Key([1]).literal == "1")
        #expect(Key(["1"]).literal == "'1'")
        #expect(Key([.real(1)]).literal == "1.0")
        #expect(Key([.blob([0x31])]).literal == "X'31'")
        #expect(Set([Key([1]), Key(["1"]), Key([.real(1)]), Key([.blob([0x31])])]).count == 4)
    }

    @Test func `composite keys that look alike are different`() {
        #expect(Key(["a,b"]) != Key(["a", "b"]))
        #expect(Key(["a','b"]) != Key(["a", "b"]))
        #expect(Key(["a','b"]).values == ["a','b"])
    }

    @Test func `people see a single text bare`() {
        #expect(Key(["M8x40"]).description == "M8x40")
        #expect(Key(["KR", 4711]).description == "KR,4711")
    }

    @Test func `two spellings of one accented letter are two keys, as they are two rows`() {
        let (composed, decomposed) = (Key(["\u{E9}"]), Key(["e\u{301}"]))
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(decomposed < composed)
    }

    @Test func `keys are in the order of their bytes`() {
        let literals = ["'B'", "'a'", "'é'", "'가'", "'\u{FFFD}'", "'😀'", "10", "9"]
        #expect(literals.map(Key.init(literal:)).sorted().map(\.literal) == literals)
    }

    @Test(arguments: [
        (0.1, "0.1"), (-2.5, "-2.5"), (1, "1.0"), (100, "100.0"), (1e14, "100000000000000.0"), (1e15, "1.0e+15"),
        (1.5e16, "1.5e+16"), (1e100, "1.0e+100"), (0.0001, "0.0001"), (0.000123, "0.000123"), (1e-5, "1.0e-05"),
        (-1.25e-7, "-1.25e-07"), (0, "0.0"), (-0.0, "0.0"), (.infinity, "Inf"), (-.infinity, "-Inf"),
        (123456.789, "123456.789"), (999999999999999, "999999999999999.0"),
    ])
    func `reals are spelled as SQLite spells them`(real: Double, literal: String) {
        #expect(Key.quote(.real(real)) == literal)
        #expect(Key(literal: literal).values == [.real(real)])
    }

    @Test func `any text and any value comes back from its literal`() throws {
        let seed = Random.seed(of: "key")
        var random = Random(seed: seed)
        for _ in 0..<20_000 {
            let values = (0..<(1 + random.below(4))).map { _ in random.value() }
            let key = Key(values)
            guard key.values == values else {
                throw Divergence("\(values) became \(key.literal)", seed: seed, trace: [])
            }
        }
    }

    /// What is read from damaged text is either nothing or something that is spelled and read the same again.
    @Test func `damaged literals never crash and never change their meaning`() throws {
        let seed = Random.seed(of: "damaged key")
        var random = Random(seed: seed)
        let faults = Array("',X-+.0eN\\\u{0}x9A ".utf8)
        for _ in 0..<20_000 {
            var bytes = Array(Key((0..<(1 + random.below(3))).map { _ in random.value() }).literal.utf8)
            for _ in 0..<(1 + random.below(3)) where !bytes.isEmpty {
                bytes[random.below(bytes.count)] = faults[random.below(faults.count)]
            }
            let damaged = Key(literal: String(decoding: bytes, as: UTF8.self))
            guard let values = damaged.values else { continue }
            guard Key(values).values == values else {
                throw Divergence("\(damaged.literal) was read as \(values)", seed: seed, trace: [])
            }
        }
    }
}

extension Random {
    /// Letters that break quoting, and all kinds of numbers.
    mutating func value() -> Value {
        switch below(5) {
        case 0: return .integer([0, -1, .max, .min, Int64(bitPattern: next()), Int64(below(100))][below(6)])
        case 1:
            let real = Double(bitPattern: next())
            return .real(real.isNaN ? 0.5 : real == 0 ? 0 : oneIn(2) ? real : (fraction() * 1000).rounded() / 8)
        case 2: return .blob((0..<below(9)).map { _ in UInt8(truncatingIfNeeded: next()) })
        case 3: return oneIn(10) ? .null : .text("")
        default:
            let alphabet = Array("'',,\"\\X0NULL \n\t%;-é한글😀\u{301}\u{200D}\u{FEFF}".unicodeScalars)
            var text = ""
            for _ in 0..<below(12) { text.unicodeScalars.append(alphabet[below(alphabet.count)]) }
            return .text(text)
        }
    }
}
