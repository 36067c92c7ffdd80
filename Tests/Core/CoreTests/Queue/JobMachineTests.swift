import Core
import Testing

/// Each arrow of Docs/JobStates.md as a sentence.
struct JobMachineTests {
    let policy = RetryPolicy()
    let now = Timestamp(microseconds: 1_000_000_000)

    private func running(_ fence: Int64 = 7) -> JobMachine {
        var job = JobMachine()
        job.claim(fence: fence)
        return job
    }

    private func settle(
        _ job: inout JobMachine, _ outcome: JobMachine.Outcome, fence: Int64 = 7
    ) -> JobMachine.Settlement {
        job.settle(outcome, fence: fence, now: now, policy: policy, jitter: 0.5)
    }

    @Test func `a new job is available and wanted once`() {
        let job = JobMachine()
        #expect(job.state == .available)
        #expect(job.wantedRevision == 1)
        #expect(job.claimedRevision == nil)
    }

    @Test func `a claim takes the fence and the revision that is wanted now`() {
        var job = JobMachine()
        job.want()
        job.claim(fence: 9)
        #expect(job.state == .running(fence: 9))
        #expect(job.claimedRevision == 2)
    }

    @Test func `only an available job can be claimed`() async {
        await #expect(processExitsWith: .failure) {
            var job = JobMachine(state: .held)
            job.claim(fence: 1)
        }
    }

    @Test(arguments: [
        JobMachine.State.scheduled(at: Timestamp(microseconds: 5)), .available, .held, .dead, .done,
    ])
    func `a wish makes a job available and forgets what happened to it`(state: JobMachine.State) {
        var job = JobMachine(state: state)
        (job.attempt, job.crashes, job.aloneCrashes) = (4, 3, 2)
        job.want()
        #expect(job.state == .available)
        #expect(job.wantedRevision == 2)
        #expect([job.attempt, job.crashes, job.aloneCrashes] == [0, 0, 0])
    }

    @Test func `a wish for a running job leaves it with its claim, and the settlement queues it again`() {
        var job = running()
        job.want()
        #expect(job.state == .running(fence: 7))
        #expect(settle(&job, .finished) == .requeued)
        #expect(job.state == .available)
    }

    @Test func `a finished job is done`() {
        var job = running()
        #expect(settle(&job, .finished) == .done)
        #expect(job.state == .done)
    }

    @Test func `a row whose text changed is queued again without counting anything`() {
        var job = running()
        #expect(settle(&job, .changed) == .requeued)
        #expect(job.attempt == 0)
    }

    @Test func `a row that is gone ends its job`() {
        var job = running()
        #expect(settle(&job, .gone) == .done)
    }

    @Test func `a row that was gone and has been wished for since is looked for again`() {
        var job = running()
        job.want()
        #expect(settle(&job, .gone) == .requeued)
    }

    @Test func `a failure of the old text does not count against the new one`() {
        var job = running()
        job.want()
        #expect(settle(&job, .failed(isRetryable: false)) == .requeued)
        #expect(job.attempt == 0)
    }

    @Test func `a failure that may pass is tried again later`() {
        var job = running()
        #expect(settle(&job, .failed(isRetryable: true)) == .retrying(at: now + .milliseconds(1500)))
        #expect(job.state == .scheduled(at: now + .milliseconds(1500)))
        #expect(job.attempt == 1)
    }

    @Test func `a failure that cannot pass is the last`() {
        var job = running()
        #expect(settle(&job, .failed(isRetryable: false)) == .dead)
        #expect(job.state == .dead)
        #expect(job.attempt == 1)
    }

    @Test func `the fifth failure is the last`() {
        var job = JobMachine()
        for fence in Int64(1)...4 {
            job.claim(fence: fence)
            guard case .retrying(let moment) = settle(&job, .failed(isRetryable: true), fence: fence) else {
                Issue.record("failure \(fence) was the last")
                return
            }
            let isPromoted = job.promote(now: moment)
            #expect(isPromoted)
        }
        job.claim(fence: 5)
        #expect(settle(&job, .failed(isRetryable: true), fence: 5) == .dead)
    }

    @Test func `a provider that asks for patience counts no attempt`() {
        var job = running()
        #expect(settle(&job, .throttled(for: .seconds(30))) == .retrying(at: now + .seconds(30)))
        #expect(job.attempt == 0)
    }

    @Test(arguments: [
        JobMachine.Outcome.finished, .changed, .gone, .failed(isRetryable: true), .failed(isRetryable: false),
        .throttled(for: .seconds(1)),
    ])
    func `a report with an old fence changes nothing`(outcome: JobMachine.Outcome) {
        for state in [
            JobMachine.State.running(fence: 8), .available, .scheduled(at: now), .held, .dead, .done,
        ] {
            var job = JobMachine(state: state)
            let before = job
            #expect(settle(&job, outcome, fence: 7) == .ignored)
            let isReleased = job.release(fence: 7)
            #expect(!isReleased)
            job.lose(fence: 7, isInModel: true, isAlone: true, policy: policy)
            #expect(job == before)
        }
    }

    @Test func `a job handed back is available and counts nothing`() {
        var job = running()
        let released = job.release(fence: 7)
        #expect(released)
        #expect(job.state == .available)
        #expect([job.attempt, job.crashes, job.aloneCrashes] == [0, 0, 0])
    }

    @Test func `a prefetched job is innocent of its worker's death`() {
        var job = running()
        job.lose(fence: 7, isInModel: false, isAlone: true, policy: policy)
        #expect(job.state == .available)
        #expect([job.attempt, job.crashes, job.aloneCrashes] == [0, 0, 0])
    }

    @Test func `a job in the model when its worker dies counts a crash and no attempt`() {
        var job = running()
        job.lose(fence: 7, isInModel: true, isAlone: false, policy: policy)
        #expect(job.state == .available)
        #expect([job.attempt, job.crashes, job.aloneCrashes] == [0, 1, 0])
    }

    @Test func `a job is held at the third lone crash and not before`() {
        var job = JobMachine()
        for fence in Int64(1)...3 {
            #expect(job.state == .available)
            job.claim(fence: fence)
            job.lose(fence: fence, isInModel: true, isAlone: true, policy: policy)
        }
        #expect(job.state == .held)
    }

    @Test func `crashes in company never hold a job`() {
        var job = JobMachine()
        for fence in Int64(1)...100 {
            job.claim(fence: fence)
            job.lose(fence: fence, isInModel: true, isAlone: false, policy: policy)
        }
        #expect(job.state == .available)
        #expect(job.crashes == 100)
    }

    @Test func `a scheduled job is promoted at its moment and not before`() {
        var job = JobMachine(state: .scheduled(at: now))
        let early = job.promote(now: now - .microseconds(1))
        #expect(!early)
        let due = job.promote(now: now)
        #expect(due)
        #expect(job.state == .available)
        let again = job.promote(now: now)
        #expect(!again)
    }
}
