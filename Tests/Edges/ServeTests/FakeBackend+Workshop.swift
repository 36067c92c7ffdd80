import Serve

extension FakeBackend {
    /// A workshop in the middle of its first backfill: two sources, two workers, some failures.
    static func workshop() -> FakeBackend {
        FakeBackend(State(status: workshopStatus(), jobs: workshopJobs(), items: workshopItems()))
    }

    private static let parts = [
        ("17", "Stainless steel hinge, 90 mm, soft close, for cabinet doors up to 8 kg"),
        ("203", "Concealed hinge with clip mounting plate, nickel plated"),
        ("1184", "스테인리스 경첩 90 mm, 소프트 클로즈, 8 kg 이하 캐비닛 문용"),
        ("77", "Piano hinge, brass, 1 m, pre-drilled"),
        ("8f14e45f-ceea-467a-9575-6b2d1c0a1f3e", "Gas spring for lift-up flaps, 80 N"),
        ("512", "Magnetic catch with counter plate, white"),
    ]

    private static func workshopItems() -> [SearchAnswer.Result] {
        parts.enumerated().map { index, part in
            .init(key: part.0, score: 0.912 - Float(index) * 0.083, text: part.1, collection: "parts")
        } + [.init(key: "m-1", score: 0.7, text: "Hinge fitting guide", collection: "manuals")]
    }

    private static func workshopJobs() -> [JobSummary] {
        let dead = (0..<64).map { number in
            JobSummary(
                id: Int64(1000 + number), collection: "parts", key: "\(4000 + number)", state: .dead, attempt: 1,
                reason: number < 52 ? "text_too_long" : "invalid_utf8",
                error: number < 52
                    ? "the text has 9,412 tokens; the model reads 512 and the source does not allow shortening"
                    : "byte 17 of column title is not UTF-8", since: "2026-11-20T08:\(10 + number % 50):00Z")
        }
        let held = (0..<3).map { number in
            JobSummary(
                id: Int64(2000 + number), collection: "manuals", key: "manual-\(number)", state: .held, attempt: 2,
                reason: "crashed_worker", error: "the worker ended while embedding this item alone",
                since: "2026-11-20T09:00:00Z")
        }
        let others = [
            JobSummary(
                id: 1, collection: "parts", key: "8f14e45f-ceea-467a-9575-6b2d1c0a1f3e", state: .running, attempt: 1,
                since: "2026-11-20T09:00:00Z"),
            JobSummary(
                id: 2, collection: "parts", key: "42", state: .scheduled, attempt: 2, reason: "provider_busy",
                error: "the runtime is out of memory", since: "2036-11-20T09:00:00Z"),
        ]
        return dead + held + others
    }

    private static func workshopStatus() -> Status {
        let history = (0..<60).map { (minute: Int) -> Double in
            let dip = minute == 31 ? 700 : 0
            return Double(minute < 12 ? minute * 85 : 1_080 + (minute * 37) % 23 * 9 - dip)
        }
        return Status(
            version: "0.1.0",
            jobs: JobCounts(available: 12_412, running: 64, scheduled: 7, held: 3, dead: 64),
            rate: Rate(perSecond: 1_180.4, history: history),
            workers: [
                WorkerStatus(
                    id: 1, name: "worker-1-workshop-4f2a9c31d0", host: "workshop", pid: 4117, state: .running,
                    device: "cpu", model: "all-MiniLM-L6-v2", startedAt: "2026-11-20T07:30:00Z", seenSecondsAgo: 0.4,
                    succeeded: 50_648, failed: 64, skipped: 20, truncated: 118),
                WorkerStatus(
                    id: 2, name: "worker-2", host: "attic", pid: 611, state: .lost, device: "cuda",
                    model: "all-MiniLM-L6-v2", startedAt: "2026-11-19T22:00:00Z", seenSecondsAgo: 312,
                    succeeded: 9_112, failed: 0, skipped: 0, truncated: 3),
            ],
            sources: [
                SourceStatus(
                    collection: "parts", table: "parts_master_features", key: ["id"], text: ["feature_text"],
                    into: "clip_text_emb", model: "all-MiniLM-L6-v2", state: .backfilling,
                    counts: .init(pending: 12_400, processing: 64, completed: 50_564, failed: 64, skipped: 20),
                    total: 63_112, progressPercentage: 80.25, etaSeconds: 10.6),
                SourceStatus(
                    collection: "manuals", table: "manual", key: ["shelf", "number"], text: ["title", "body"],
                    into: "embedding", model: "all-MiniLM-L6-v2", state: .active,
                    counts: .init(completed: 812), total: 812, progressPercentage: 100, etaSeconds: nil),
            ],
            index: [
                IndexStatus(collection: "parts", vectors: 50_564, bytes: 77_666_304, position: 51_212),
                IndexStatus(collection: "manuals", vectors: 812, bytes: 1_247_232, position: 51_212),
            ],
            failures: [
                FailureGroup(
                    collection: "parts", reason: "text_too_long", count: 52,
                    example: .init(
                        key: "4000",
                        error: "the text has 9,412 tokens; the model reads 512 and the source does not allow shortening"
                    ),
                    hint: "Allow shortening with millrace source set parts --truncate, then retry."),
                FailureGroup(
                    collection: "parts", reason: "invalid_utf8", count: 12,
                    example: .init(key: "4052", error: "byte 17 of column title is not UTF-8"),
                    hint: "Correct the rows: they are embedded again by themselves."),
                FailureGroup(
                    collection: "manuals", reason: "crashed_worker", count: 3,
                    example: .init(key: "manual-0", error: "the worker ended while embedding this item alone"),
                    hint: "Look at the text, then retry."),
            ])
    }
}
