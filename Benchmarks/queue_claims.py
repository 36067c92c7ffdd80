"""How long a claim of 100 takes with 1,000 to 1,000,000 jobs waiting and with 1,000,000 that are due some day beside them, and
what four processes do against one where each batch is 20 ms of waiting.

    python Benchmarks/queue_claims.py [--samples N] [--rounds N] [--largest N]

Each number of waiting jobs has a database of its own and stays the same: what is claimed is settled, and as many jobs are
added. They take turns in an order drawn anew each round.
"""

import argparse
import sys

from harness import queue
from harness.millrace import Failure
from harness.postgres import Postgres, SQLite
from harness.report import Ratios, begin, median, quantile

BATCH = 100
WAIT_MILLISECONDS = 20
SECONDS = 8
PROCESS_ROUNDS = 3


def claims(database, options, random, ratios):
    sizes = [("1,000 waiting", 1000, 0)]
    sizes += [(f"{size:,} waiting", size, 0) for size in (10_000, 100_000, 1_000_000) if size <= options.largest]
    sizes.append((f"1,000 waiting beside {options.largest:,} for later", 1000, options.largest))
    urls, times = {}, {}
    for name, available, scheduled in sizes:
        urls[name], times[name] = database.create(), []
        queue.run("fill", urls[name], available=available, scheduled=scheduled)
        database.settle(urls[name])
    for number in range(options.rounds + 1):
        for name in random.sample(list(urls), len(urls)):
            found = queue.run("claims", urls[name], batch=BATCH, samples=options.samples)["milliseconds"]
            if number > 0:  # The first round reads files into memory.
                times[name] += found[1:]  # The first claim opens the connection and prepares the statement.
    base = times[sizes[0][0]]
    for name, found in times.items():
        p50, p99 = (quantile(found, part) for part in (0.5, 0.99))
        print(f"{database.name}, {name}: {len(found)} claims of {BATCH}, p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    for label, name in [("million", sizes[-2][0]), ("future", sizes[-1][0])]:
        for part, share in [("p50", 0.5), ("p99", 0.99)]:
            ratios.at_most(
                f"claim_{part}_{label}_{database.name}", quantile(times[name], share) / quantile(base, share), 1.5)


def processes(database, ratios):
    url = database.create()
    rates = {1: [], 4: []}
    for _ in range(PROCESS_ROUNDS):
        for count, found in rates.items():
            # More than four could do if they did nothing but wait.
            queue.run("fill", url, available=SECONDS * 4 * BATCH * 1000 // WAIT_MILLISECONDS)
            database.settle(url)
            found.append(queue.together(count, url, batch=BATCH, wait=WAIT_MILLISECONDS, seconds=SECONDS))
    one, four = (median(found) for found in rates.values())
    print(f"{database.name}, batches of {BATCH} that wait {WAIT_MILLISECONDS} ms: one process {one:,.0f} jobs/s, "
          f"four {four:,.0f} jobs/s")
    ratios.at_least(f"queue_four_processes_{database.name}", four / one, 3.8)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--samples", type=int, default=100, help="claims of each size in a round")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--largest", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=63)
    options = options.parse_args()
    random = begin(options.seed)
    ratios = Ratios()
    for kind in (Postgres, SQLite):
        with kind() as database:
            claims(database, options, random, ratios)
            processes(database, ratios)
    ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"queue_claims: {failure}")
