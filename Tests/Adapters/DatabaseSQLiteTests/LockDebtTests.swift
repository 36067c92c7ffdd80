import Testing

@testable import DatabaseSQLite

@Suite struct LockDebtTests {
    private let second: Int64 = 1_000_000_000
    private let millisecond: Int64 = 1_000_000

    @Test func `the lock's time is owed and free time repays it`() {
        let debt = LockDebt.none.holding(from: second, to: second + 8 * millisecond)
        #expect(debt.remaining(at: second + 8 * millisecond) == .milliseconds(8))
        #expect(debt.remaining(at: second + 11 * millisecond) == .milliseconds(5))
        #expect(debt.remaining(at: 2 * second) == .zero)
    }

    @Test func `short holds in a row add up, those far apart do not`() {
        var (close, apart) = (LockDebt.none, LockDebt.none)
        for number in 1...10 {
            let (near, far) = (second + Int64(number) * millisecond, Int64(number) * second)
            close = close.holding(from: near, to: near + millisecond)
            apart = apart.holding(from: far, to: far + millisecond)
        }
        #expect(close.remaining(at: close.freedAt) == .milliseconds(10))
        #expect(apart.remaining(at: apart.freedAt) == .milliseconds(1))
    }

    @Test func `a hold of seconds is repaid in a tenth of one`() {
        let debt = LockDebt.none.holding(from: second, to: 9 * second)
        #expect(debt.remaining(at: 9 * second) == .milliseconds(100))
    }

    @Test(arguments: [
        LockDebt(owed: .max, freedAt: 99), LockDebt(owed: .min, freedAt: 5), LockDebt(owed: 7, freedAt: .max),
        LockDebt(owed: 7, freedAt: .min),
    ])
    func `what cannot be, as after a restart of the machine, holds nobody up`(_ debt: LockDebt) {
        #expect(debt.remaining(at: 10) == .zero || debt.remaining(at: 100) <= .milliseconds(100))
        #expect(debt.remaining(at: 5 * second) == .zero)
    }
}
