"""Jobs that do nothing, claimed and settled in batches of 100 with fsync on: Millrace's queue, beside the same SQL run bare
in the same minute, and beside procrastinate and Celery.

    python Benchmarks/queue_rate.py [--jobs N] [--rounds N] [--no-peers]

Bare is pgbench with prepared statements on PostgreSQL, and the C interface alone on SQLite. Both sides drain a queue filled
anew, take turns, and have as many loops side by side. Peers work in their own way: one job at a time, Redis without fsync.
"""

import argparse
import re
import subprocess
import sys
import tempfile

from harness import queue, queue_peers
from harness.millrace import Failure
from harness.postgres import Postgres, SQLite
from harness.report import Ratios, begin, median

BATCH = 100
# The texts of JobStore's claim and finish, and of nothing else; what is around them only hands the answers on.
BARE = r"""
\set least 0
\set most 0
\set limit 100
\set worker 1
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SELECT nextval('millrace.fence') AS fence, EXISTS (SELECT 1 FROM millrace.model_limit)::int AS limited \gset
WITH picked AS MATERIALIZED (
    SELECT id FROM millrace.job
    WHERE state = 'available' AND crashes BETWEEN :least AND :most
        AND source_id NOT IN (SELECT id FROM millrace.source WHERE state = 'suspended')
    ORDER BY crashes, priority DESC, id
    LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED), claimed AS (
    UPDATE millrace.job
    SET state = 'running', claimed_rev = wanted_rev, fence = :fence, worker_id = :worker
    WHERE id IN (SELECT id FROM picked)
    RETURNING id, source_id, key, attempt, crashes)
SELECT COALESCE(array_agg(id), '{}') AS ids, array_fill(:fence::bigint, ARRAY[COUNT(*)::int]) AS fences,
    array_agg(key) IS NOT NULL AS read FROM claimed \gset
COMMIT;
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
WITH finished AS (
    DELETE FROM millrace.job AS job USING unnest(:ids::bigint[], :fences::bigint[]) AS claim(id, fence)
    WHERE job.id = claim.id AND job.fence = claim.fence AND (job.state = 'running') IS TRUE
    RETURNING job.source_id, job.key)
DELETE FROM millrace.job_dead AS dead USING finished
WHERE dead.source_id = finished.source_id AND dead.key = finished.key;
COMMIT;
"""


def drained(database, url, jobs, loops):
    """Jobs per second of Millrace's own queue."""
    counts = queue.run("drain", url, batch=BATCH, lanes=loops)
    if counts["jobs"] != jobs:
        raise Failure(f"Millrace drained {counts['jobs']} of {jobs} jobs from {database.name}")
    return jobs / counts["seconds"]


def drained_bare(database, url, jobs, loops):
    if database.name == "sqlite":
        counts = queue.run("bare", url.removeprefix("sqlite://"), batch=BATCH)
        return counts["jobs"] / counts["seconds"]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(BARE)
        script.flush()
        done = subprocess.run(
            [database.program("pgbench"), "--no-vacuum", "--protocol=prepared", f"--client={loops}", "--jobs=1",
             f"--transactions={jobs // BATCH // loops}", f"--file={script.name}", url],
            capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+) \(without initial connection time\)", done.stdout)
    if done.returncode != 0 or not found:
        raise Failure(f"pgbench ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    with database.connect(url) as connection:
        left = connection.execute("SELECT count(*) FROM millrace.job").fetchone()[0]
    # Two that claim at once may pass each other's rows by, and then a batch is not full.
    if left > jobs // 10:
        raise Failure(f"pgbench left {left} of {jobs} jobs")
    return float(found[1]) * (jobs - left) / (jobs // BATCH // loops * loops)


def compare(database, options, random, loops):
    """- Returns: medians of Millrace's rate and of the bare one."""
    rates = {drained: [], drained_bare: []}
    url = database.create()
    for _ in range(options.rounds):
        for side in random.sample(list(rates), 2):
            queue.run("fill", url, available=options.jobs)
            database.settle(url)
            rates[side].append(side(database, url, options.jobs, loops))
            with database.connect(url) as connection:
                connection.execute("DELETE FROM millrace" + ("." if database.name == "postgres" else "_") + "job")
    return median(rates[drained]), median(rates[drained_bare])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--jobs", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--no-peers", action="store_true")
    options.add_argument("--seed", type=int, default=63)
    options = options.parse_args()
    random = begin(options.seed)
    ratios = Ratios()
    with Postgres() as postgres, SQLite() as sqlite:
        for database, loops in [(postgres, 1), (postgres, 4), (sqlite, 1)]:
            ours, bare = compare(database, options, random, loops)
            print(f"{database.name}, {loops} loops: Millrace {ours:,.0f} jobs/s, the same SQL bare {bare:,.0f} jobs/s",
                  flush=True)
            ratios.at_least(f"queue_rate_{database.name}_{loops}", ours / bare, 0.8)
        if not options.no_peers:
            for name, rate in queue_peers.measure(postgres, options.jobs // 10):
                print(f"{name}: {rate}", flush=True)
    ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"queue_rate: {failure}")
