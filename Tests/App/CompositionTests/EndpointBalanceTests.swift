import InferenceRPC
import Testing

@testable import Composition

@Suite struct `The balance of workers` {
    private let start = ContinuousClock.now
    private let endpoints = (1...3).map { InferenceEndpoint.tcp(HostPort(host: "worker\($0)", port: 7700)) }

    @Test func `asks the one with the fewest calls under way, in turn among equals`() {
        var balance = EndpointBalance()
        var asked: [InferenceEndpoint] = []
        for _ in 0..<6 {
            guard let chosen = balance.choose(among: endpoints, now: start) else { break }
            balance.began(chosen)
            asked.append(chosen)
        }
        #expect(asked == endpoints + endpoints)
        balance.ended(endpoints[1], failed: false, now: start)
        #expect(balance.choose(among: endpoints, now: start) == endpoints[1])
    }

    @Test func `lets one that failed rest, longer each time, up to a bound`() {
        var balance = EndpointBalance()
        let alone = [endpoints[0]]
        var now = start
        var rests: [Duration] = []
        for _ in 0..<10 {
            balance.began(endpoints[0])
            balance.ended(endpoints[0], failed: true, now: now)
            #expect(balance.choose(among: alone, now: now) == nil)
            rests.append(balance.shortestRest(among: alone, now: now))
            now += rests[rests.count - 1]
            #expect(balance.choose(among: alone, now: now) == endpoints[0])
        }
        #expect(rests.prefix(4) == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
        #expect(rests.last == EndpointBalance.longestRest)
    }

    @Test func `counts calls that fail together as one failure`() {
        var balance = EndpointBalance()
        for _ in 0..<8 { balance.began(endpoints[0]) }
        for _ in 0..<8 { balance.ended(endpoints[0], failed: true, now: start) }
        #expect(balance.shortestRest(among: [endpoints[0]], now: start) == EndpointBalance.firstRest)
    }

    @Test func `forgets failures after an answer, and places that are gone`() {
        var balance = EndpointBalance()
        balance.began(endpoints[0])
        balance.ended(endpoints[0], failed: true, now: start)
        balance.began(endpoints[0])
        balance.ended(endpoints[0], failed: false, now: start)
        #expect(balance.choose(among: [endpoints[0]], now: start) == endpoints[0])
        balance.began(endpoints[1])
        balance.ended(endpoints[1], failed: true, now: start)
        balance.keep(only: [endpoints[0]])
        #expect(balance.choose(among: [endpoints[1]], now: start) == endpoints[1])
    }

    @Test func `goes on with the others while one rests`() {
        var balance = EndpointBalance()
        balance.began(endpoints[0])
        balance.ended(endpoints[0], failed: true, now: start)
        for _ in 0..<10 {
            let chosen = balance.choose(among: endpoints, now: start)
            #expect(chosen != nil && chosen != endpoints[0])
            balance.began(chosen ?? endpoints[0])
        }
    }
}
