#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A seeded generator (SplitMix64, Steele, Lea and Flood 2014), so that a failure can be run again.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// A number in 0..<1.
    mutating func fraction() -> Double { Double(next() >> 11) / Double(1 << 53) }

    mutating func oneIn(_ bound: Int) -> Bool { below(bound) == 0 }

    /// A new seed, or the one in `MILLRACE_TEST_SEED`; printed, so that the run can be repeated.
    static func seed(of test: String) -> UInt64 {
        let given = getenv("MILLRACE_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = given ?? UInt64.random(in: 0..<1_000_000_000)
        print("\(test): MILLRACE_TEST_SEED=\(seed)")
        return seed
    }
}
