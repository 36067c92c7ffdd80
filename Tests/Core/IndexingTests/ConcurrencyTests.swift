import Synchronization
import Testing

@testable import Indexing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite struct `Readers beside a writer` {
    /// Pairs of items hold x and −x on the first axis, so all scores of one version sum to zero.
    @Test func `searches see whole groups only, while rows are compacted`() throws {
        let pairs = 40
        let index = VectorIndex(dimension: 5, blockCapacity: 32)
        func pair(_ number: Int, _ value: Float, revision: Int64) -> [Change] {
            [
                .upsert(Int64(2 * number), revision: revision, [value, 1, 0, 0, 0]),
                .upsert(Int64(2 * number + 1), revision: revision, [-value, 1, 0, 0, 0]),
            ]
        }
        try index.apply((0..<pairs).flatMap { pair($0, 1, revision: 1) }, through: 1)
        let readersLeft = Atomic<Int>(2)
        let torn = Atomic<Int>(0)
        let writes = Atomic<Int>(0)
        onThreads(
            [{ reading(index, torn, readersLeft) }, { reading(index, torn, readersLeft) }]
                + [
                    {
                        var random = Random(seed: 11)
                        var revision: Int64 = 1
                        while readersLeft.load(ordering: .relaxed) > 0 {
                            revision += 1
                            let number = random.below(pairs)
                            let group =
                                random.below(4) == 0
                                ? [0, 1].map { Change.remove(Int64(2 * number + $0), revision: revision) }
                                : pair(number, Float(random.below(1000)), revision: revision)
                            try? index.apply(group, through: revision)
                            if random.below(8) == 0 { _ = index.compact(budgetRows: 16) }
                            writes.wrappingAdd(1, ordering: .relaxed)
                        }
                    }
                ])
        #expect(torn.load(ordering: .relaxed) == 0)
        #expect(writes.load(ordering: .relaxed) > 0)
    }

    private func reading(_ index: VectorIndex, _ torn: borrowing Atomic<Int>, _ left: borrowing Atomic<Int>) {
        var lastVersion: UInt64 = 0
        for round in 0..<400 {
            let reader = index.reader()
            let hits = (try? reader.search([1, 0, 0, 0, 0], k: 100, threads: 1 + round % 2)) ?? []
            var whole = hits.count == reader.count && hits.count % 2 == 0 && reader.version >= lastVersion
            whole = whole && hits.reduce(0) { $0 + $1.score } == 0
            for hit in hits.prefix(10) {
                whole = whole && reader.vector(of: hit.item)?[0] == Float(hit.score)
                whole = whole && reader.contains(hit.item ^ 1)
            }
            if !whole { torn.wrappingAdd(1, ordering: .relaxed) }
            lastVersion = reader.version
        }
        left.wrappingSubtract(1, ordering: .relaxed)
    }

    @Test func `a reader keeps its version while every row is replaced and its blocks are let go`() throws {
        let vectors = (0..<200).map { [Float($0), 1] }
        let index = try index(of: vectors, dimension: 2, blockCapacity: 16)
        let reader = index.reader()
        let before = try reader.search([1, 0], k: 200)
        for revision in Int64(2)...5 {
            try index.apply((0..<200).map { .upsert($0, revision: revision, [-1, 0]) }, through: revision)
            while index.compact(budgetRows: 30) > 0 {}
        }
        try index.apply((0..<200).map { .remove($0, revision: 9) }, through: 9)
        #expect(try reader.search([1, 0], k: 200) == before)
        #expect(reader.vector(of: 150) == [150, 1])
        #expect(reader.count == 200 && index.count == 0)
    }

    @Test func `items that come and go are found or missed by version, never in between`() throws {
        let index = try index(of: (0..<100).map { [Float($0)] }, dimension: 1, blockCapacity: 16)
        let readersLeft = Atomic<Int>(1)
        let wrong = Atomic<Int>(0)
        onThreads([
            {
                for _ in 0..<3000 {
                    let reader = index.reader()
                    // Items from 100 on live in every odd version of the writer's loop, all together.
                    let present = (100..<120).filter { reader.contains($0) }.count
                    let stable = (0..<100).allSatisfy { reader.vector(of: $0) == [Float($0)] }
                    if !stable || present != reader.count - 100 { wrong.wrappingAdd(1, ordering: .relaxed) }
                }
                readersLeft.store(0, ordering: .relaxed)
            },
            {
                var revision: Int64 = 1
                while readersLeft.load(ordering: .relaxed) > 0 {
                    revision += 1
                    let group = (Int64(100)..<120).map {
                        revision % 2 == 0
                            ? Change.upsert($0, revision: revision, [1]) : Change.remove($0, revision: revision)
                    }
                    try? index.apply(group, through: revision)
                    if revision % 16 == 0 { _ = index.compact(budgetRows: 64) }
                }
            },
        ])
        #expect(wrong.load(ordering: .relaxed) == 0)
    }
}

/// Runs each body on a thread of its own and waits for all; a pool of two would never get to the third.
private func onThreads(_ bodies: [() -> Void]) {
    final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }
    let threads = bodies.map { body -> pthread_t in
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Body(body)).toOpaque()
        let status = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, argument)
        precondition(status == 0, "pthread_create failed with \(status)")
        return thread
    }
    for thread in threads { pthread_join(thread, nil) }
}
