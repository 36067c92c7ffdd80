"""How soon a row that bare psql commits into PostgreSQL is claimed on an idle system, and how soon where the notifications by
which Millrace's processes wake each other are lost.

    python Benchmarks/queue_latency.py [--commits N]

A claim is seen by another connection that looks at the job, so that the figures are upper bounds; time runs from when psql
says that it has committed.

The server, which sees commits, and the worker are started apart. A notification reaches who listens in the database in which
it was given, and DATABASE_LISTEN_URL names that for giving as for hearing: with a database for the server and another for
the worker none of the server's reaches the worker, which then finds work by its own look each POLL_INTERVAL (0.4 s). That it
is so is read from the database server before anything is measured. SQLite's latency is in latency.py.
"""

import argparse
import subprocess
import sys
import time

from harness.millrace import Failure, Millrace
from harness.postgres import Postgres
from harness.report import Ratios, begin, quantile


class Psql:
    """A psql that is fed statements."""

    def __init__(self, postgres, url):
        self.process = subprocess.Popen(
            [postgres.program("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, statement):
        """- Returns: the moment at which psql said that it was done."""
        self.process.stdin.write(f"{statement};\n\\echo done\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != "done":
            raise Failure(f"psql did not do: {statement}")
        return time.perf_counter()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def until(condition, what, seconds=30, pause=0.0003):
    deadline = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > deadline:
            raise Failure(f"after {seconds} s still not {what}")
        time.sleep(pause)
    return time.perf_counter()


def check_rooms(reader, count):
    """Server and worker give and hear notifications in `count` databases."""
    def are_there():
        found = reader.execute(
            "SELECT datname FROM pg_stat_activity WHERE query IN ('LISTEN millrace', 'NOTIFY millrace')").fetchall()
        return len(found) == 2 and len(set(found)) == count

    until(are_there, f"two processes with notifications in {count} databases", pause=0.05)


def measure(postgres, options, random, is_heard):
    """- Returns: seconds from each commit to its claim."""
    url = postgres.create()
    rooms = [{}, {}] if is_heard else [{"DATABASE_LISTEN_URL": postgres.create()} for _ in range(2)]
    with Millrace(url=url) as millrace, postgres.connect(url) as reader:
        psql = Psql(postgres, url)
        psql.run("CREATE TABLE note(id bigint PRIMARY KEY, body text NOT NULL, embedding text)")
        millrace.run("source", "add", "--table", "note", "--key", "id", "--text", "body", "--into", "embedding")
        server = millrace.serve(workers=0, settings=rooms[0])
        worker = millrace.worker(settings=rooms[1])
        check_rooms(reader, 1 if is_heard else 2)

        def is_claimed(row):
            """Running, or settled already."""
            found = reader.execute("SELECT state FROM millrace.job WHERE key = %s", (str(row),)).fetchone()
            return found is None or found[0] == "running"

        def is_idle():
            return reader.execute("SELECT count(*) FROM millrace.job").fetchone()[0] == 0

        times = []
        for row in range(options.commits + 1):
            committed = psql.run(f"INSERT INTO note(id, body) VALUES ({row}, 'note {row} about {random.random()}')")
            # The first waits for the worker to have its model.
            claimed = until(lambda row=row: is_claimed(row), f"claimed row {row}", seconds=60)
            if row > 0:
                times.append(claimed - committed)
            until(is_idle, f"embedded row {row}", seconds=60, pause=0.005)
            # At no fixed place between two looks of anybody.
            time.sleep(random.uniform(0.1, 0.6))
        psql.close()
        millrace.end(worker, server)
    return times


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--commits", type=int, default=150)
    options.add_argument("--seed", type=int, default=63)
    options = options.parse_args()
    random = begin(options.seed)
    ratios = Ratios()
    with Postgres() as postgres:
        for words, name, is_heard, goals in [
            ("commit → claim", "commit_to_claim", True, {"p50": 10, "p99": 50}),
            ("commit → claim, notifications lost", "commit_to_claim_unheard", False, {"p99": 500}),
        ]:
            times = [1000 * seconds for seconds in measure(postgres, options, random, is_heard)]
            print(f"{words}, {len(times)} commits: p50 {quantile(times, 0.5):.1f} ms, p99 {quantile(times, 0.99):.1f} ms, "
                  f"worst {max(times):.1f} ms", flush=True)
            for part, goal in goals.items():
                ratios.at_most(f"{name}_{part}_ms_postgres", quantile(times, {"p50": 0.5, "p99": 0.99}[part]), goal)
    ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"queue_latency: {failure}")
