"""A user's program that commits one row at a time, alone and beside two workers in full backfill on the same file.

    python Benchmarks/neighbour.py [--rounds N] [--seconds S] [--pending N]

In each round it writes alone, beside the workers, and beside two programs that only compute, with the workers'
niceness: the workers keep both cores busy, and the third form tells what is the lock's cost from what is the CPU's. Once
it commits without a pause, once every 5 ms.
"""

import argparse
import os
import subprocess
import sys
import time

from harness.millrace import Failure, Millrace
from harness.report import Ratios, begin, machine, median, quantile

WORKERS = 2
PACE = 0.005
NICE = int(os.environ.get("MILLRACE_NICE", "5"))


def write(millrace, seconds, pace):
    """Seconds of each commit, one row each, by a connection with SQLite's own durable settings."""
    connection = millrace.connect(timeout=5.0)
    times = []
    began = time.perf_counter()
    end = began + seconds
    turn = began
    while time.perf_counter() < end:
        start = time.perf_counter()
        connection.execute("INSERT INTO journal(entry) VALUES ('one row, one commit')")
        times.append(time.perf_counter() - start)
        if pace:
            # A turn that was missed is not made up for.
            turn = max(turn + pace, time.perf_counter())
            time.sleep(max(0, turn - time.perf_counter()))
    connection.close()
    return times


def beside_workers(millrace, seconds, pace):
    workers = [millrace.worker(number) for number in range(WORKERS)]
    reader = millrace.connect()

    def settled():
        return reader.execute(
            "SELECT COUNT(*) FROM millrace_worker WHERE state = 'ready' AND succeeded > 0").fetchone()[0]

    def waiting():
        return reader.execute("SELECT COUNT(*) FROM millrace_job").fetchone()[0]

    try:
        millrace.wait_until(lambda: settled() == WORKERS, 120, "both workers have settled a batch", workers[0])
        before, began = waiting(), time.perf_counter()
        times = write(millrace, seconds, pace)
        after, ended = waiting(), time.perf_counter()
        if after < 500:
            raise Failure("the backfill ended while the other program wrote: give more rows by --pending")
        return times, (before - after) / (ended - began)
    finally:
        reader.close()
        millrace.end(*workers)


def beside_burners(millrace, seconds, pace):
    burners = [
        subprocess.Popen([sys.executable, "-c", f"import os; os.nice({NICE})\nwhile True: pass"]) for _ in range(WORKERS)]
    try:
        time.sleep(0.2)
        return write(millrace, seconds, pace)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def show(what, times, seconds):
    print(f"    {what:20}: {len(times) / seconds:6.0f} commits/s, p50 {1000 * quantile(times, 0.5):.2f} ms, "
          f"p99 {1000 * quantile(times, 0.99):.2f} ms, slowest {1000 * max(times):.1f} ms")


def measure(millrace, name, pace, rounds, seconds, ratios):
    shares, burned, slowest, burned_slowest = [], [], 0.0, 0.0
    for number in range(rounds):
        alone = write(millrace, seconds, pace)
        beside, rate = beside_workers(millrace, seconds, pace)
        burners = beside_burners(millrace, seconds, pace)
        print(f"round {number + 1}, {name}; the workers settled {rate:.0f} rows/s beside it")
        show("alone", alone, seconds)
        show("beside two workers", beside, seconds)
        show("beside two burners", burners, seconds)
        sys.stdout.flush()
        shares.append(len(beside) / len(alone))
        burned.append(len(burners) / len(alone))
        slowest, burned_slowest = max(slowest, *beside), max(burned_slowest, *burners)
    print(f"{name}: beside workers {median(shares):.3f} of alone, beside burners {median(burned):.3f}, "
          f"so the lock's own part is {median(shares) / median(burned):.3f}; "
          f"slowest {1000 * slowest:.1f} ms, beside burners {1000 * burned_slowest:.1f} ms")
    suffix = "_paced" if pace else ""
    ratios.at_least(f"neighbour_commits{suffix}", median(shares), 0.8)
    ratios.at_most(f"neighbour_slowest_ms{suffix}", 1000 * slowest, 100)
    ratios.at_least(f"neighbour_commits{suffix}_lock_only", median(shares) / median(burned), 0.8)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--seconds", type=float, default=4)
    options.add_argument("--pending", type=int, help="packages at most; all by default")
    options.add_argument("--seed", type=int, default=63)
    options = options.parse_args()
    begin(options.seed)
    ratios = Ratios()
    with Millrace() as millrace:
        millrace.run("sample", "packages", *(["--limit", options.pending] if options.pending else []))
        connection = millrace.connect()
        connection.execute("CREATE TABLE journal(id INTEGER PRIMARY KEY, entry TEXT NOT NULL)")
        connection.close()
        server = millrace.serve(workers=0)
        for name, pace in (("without a pause", None), (f"every {1000 * PACE:.0f} ms", PACE)):
            machine()
            measure(millrace, name, pace, options.rounds, options.seconds, ratios)
        millrace.end(server)
    ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"neighbour: {failure}")
