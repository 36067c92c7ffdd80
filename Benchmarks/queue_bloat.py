"""Whether Millrace's tables and a watched one stay bounded in PostgreSQL under constant edits: dead tuples, and the sizes of
tables and indexes, over time.

    python Benchmarks/queue_bloat.py [--minutes N]      MINUTES or 3 by default; 20 for the record

A server and a worker embed what is edited; autovacuum works as the server's defaults and the tables' own settings say.
Judged is the largest size in the last third of the run against the largest in the middle one.
"""

import argparse
import os
import sys
import time

from harness.millrace import Failure, Millrace
from harness.postgres import Postgres
from harness.report import Ratios, begin

ROWS = 5000
EDITS_EACH, PAUSE_SECONDS = 20, 0.1
LOOK_SECONDS = 10
TABLES = ["note", "millrace.job", "millrace.embedding", "millrace.feed_in", "millrace.feed", "millrace.worker"]
LOOK = """
SELECT name, COALESCE(pg_stat_get_dead_tuples(name::regclass), 0), pg_table_size(name::regclass),
    pg_indexes_size(name::regclass)
FROM unnest(%s::text[]) AS name
"""


def text(random, row):
    return f"note {row} about {random.random()} and {random.random()}"


def look(connection, began, samples):
    found = {name: counts for name, *counts in connection.execute(LOOK, (TABLES,)).fetchall()}
    waiting = connection.execute("SELECT count(*) FROM millrace.job").fetchone()[0]
    at = time.monotonic() - began
    samples.append((at, found))
    shown = ", ".join(
        f"{name.removeprefix('millrace.')} {dead:,} dead {table / 1e6:.1f} + {index / 1e6:.1f} MB"
        for name, (dead, table, index) in found.items())
    print(f"{at:6.0f} s, {waiting} jobs: {shown}", flush=True)


def edit(connection, random, began, seconds, samples):
    """- Returns: how many rows were edited."""
    edits, next_look = 0, began
    while (now := time.monotonic()) < began + seconds:
        if now >= next_look:
            look(connection, began, samples)
            next_look += LOOK_SECONDS
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE note SET body = %s WHERE id = %s",
                [(text(random, row), row) for row in random.sample(range(ROWS), EDITS_EACH)])
        edits += EDITS_EACH
        time.sleep(PAUSE_SECONDS)
    look(connection, began, samples)
    return edits


def judge(ratios, samples, seconds):
    thirds = [[found for at, found in samples if seconds * part / 3 <= at < seconds * (part + 1) / 3 + 1] for part in (1, 2)]
    for name in TABLES:
        for column, what in ((1, "table"), (2, "indexes")):
            middle, last = (max(found[name][column] for found in third) for third in thirds)
            # A page or two more are no growth.
            ratios.at_most(f"bloat_{what}_{name.removeprefix('millrace.')}", max(1, last - 16384) / max(1, middle), 1.25)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=float(os.environ.get("MINUTES", 3)))
    options.add_argument("--seed", type=int, default=63)
    options = options.parse_args()
    random = begin(options.seed)
    ratios = Ratios()
    samples = []
    with Postgres() as postgres:
        url = postgres.create()
        with Millrace(url=url) as millrace, postgres.connect(url) as connection:
            connection.execute("CREATE TABLE note(id bigint PRIMARY KEY, body text NOT NULL, embedding bytea)")
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO note(id, body) VALUES (%s, %s)", [(row, text(random, row)) for row in range(ROWS)])
            millrace.run("source", "add", "--table", "note", "--key", "id", "--text", "body", "--into", "embedding")
            millrace.serve(workers=1)
            millrace.wait_until(
                lambda: connection.execute("SELECT count(*) FROM millrace.embedding").fetchone()[0] == ROWS, 120,
                "all rows are embedded")
            edits = edit(connection, random, time.monotonic(), options.minutes * 60, samples)
            print(f"{edits:,} edits of {ROWS:,} rows in {options.minutes:g} minutes")
    judge(ratios, samples, options.minutes * 60)
    ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"queue_bloat: {failure}")
