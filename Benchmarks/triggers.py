"""What the triggers cost an UPDATE of 1,000 texts: with and without them, rows without a vector, with one as JSON, and as
a float32 blob.

    python Benchmarks/triggers.py [--rounds N]

Tables alike but for these two things take turns in one file, in an order drawn anew each round. Between rounds the
rows are put back to `completed` without jobs, so that each changed row pays for all that the triggers do.
"""

import argparse
import json
import sys
import time
from array import array

from harness.millrace import Failure, Millrace
from harness.report import Ratios, begin, median

ROWS = 1000
DIMENSION = 384
WORDS = "bolt washer bearing sealed stainless motor gearbox cable shielded sensor guide rail precise outdoor food grade".split()


def vector(random, form):
    """A unit vector as the column holds it, or None."""
    if form is None:
        return None
    values = [random.gauss(0, 1) for _ in range(DIMENSION)]
    norm = sum(value * value for value in values) ** 0.5
    values = [round(value / norm, 8) for value in values]
    return array("f", values).tobytes() if form == "BLOB" else json.dumps(values, separators=(",", ":"))


def text(random):
    return " ".join(random.choice(WORDS) for _ in range(10))


def make(connection, table, form, random):
    connection.execute(
        f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, body TEXT NOT NULL, embedding {form or 'TEXT'},"
        " embedding_status TEXT NOT NULL DEFAULT 'pending')")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        f"INSERT INTO {table}(body, embedding) VALUES (?, ?)",
        ((text(random), vector(random, form)) for _ in range(ROWS)))
    connection.execute("COMMIT")


def put_back(connection, table):
    """Every row embedded, nothing queued: as a table is found that has long been in step."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"UPDATE {table} SET embedding_status = 'completed'")
    connection.execute("DELETE FROM millrace_job")
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def update(connection, table, marker):
    """Seconds of the statement, and of statement and COMMIT."""
    began = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    changed = connection.execute(f"UPDATE {table} SET body = ? || body", (marker,)).rowcount
    stated = time.perf_counter() - began
    connection.execute("COMMIT")
    ended = time.perf_counter() - began
    if changed != ROWS:
        raise Failure(f"{changed} of {ROWS} rows of {table} were changed")
    connection.execute(f"UPDATE {table} SET body = substr(body, ?)", (len(marker) + 1,))
    return stated, ended


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=25)
    options.add_argument("--seed", type=int, default=63)
    options = options.parse_args()
    random = begin(options.seed)
    ratios = Ratios()
    tables = {
        "plain": (False, None), "plain_json": (False, "TEXT"), "plain_blob": (False, "BLOB"),
        "watched": (True, None), "watched_json": (True, "TEXT"), "watched_blob": (True, "BLOB")}
    with Millrace() as millrace:
        connection = millrace.connect()
        for table, (_, form) in tables.items():
            make(connection, table, form, random)
        for table, (is_watched, _) in tables.items():
            if is_watched:
                millrace.run(
                    "source", "add", "--table", table, "--key", "id", "--text", "body", "--into", "embedding")
            else:
                connection.execute(f"CREATE INDEX idx_{table} ON {table}(embedding_status)")
        # The application's own checkpoints would fall into some rounds and not into others.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        statement = {table: [] for table in tables}
        whole = {table: [] for table in tables}
        for number in range(options.rounds + 1):
            for table in random.sample(list(tables), len(tables)):
                put_back(connection, table)
                stated, ended = update(connection, table, f"{number % 10} ")
                if tables[table][0]:
                    queued = connection.execute(
                        f"SELECT COUNT(*) FROM {table} WHERE embedding_status = 'pending'").fetchone()[0]
                    if queued != ROWS:
                        raise Failure(f"the triggers of {table} saw {queued} of {ROWS} changes")
                if number > 0:
                    statement[table].append(stated)
                    whole[table].append(ended)
        connection.close()
    for table in tables:
        print(f"{table:12}: UPDATE of {ROWS} texts, median of {options.rounds}: "
              f"{1000 * median(statement[table]):.2f} ms, with COMMIT {1000 * median(whole[table]):.2f} ms")

    def extra(form):
        pairs = zip(whole["watched" + form], whole["plain" + form])
        return 1e6 * median([watched - plain for watched, plain in pairs]) / ROWS

    def times(table, other):
        return median(whole[table]) / median(whole[other])

    print(f"triggers per changed row: {extra(''):.2f} µs without vectors, {extra('_json'):.2f} µs with JSON, "
          f"{extra('_blob'):.2f} µs with blobs")
    print(f"SQLite alone, no trigger anywhere, rows with a vector against rows without: "
          f"JSON {times('plain_json', 'plain'):.2f} ×, blob {times('plain_blob', 'plain'):.2f} ×")
    ratios.at_most("trigger_us_per_row", extra(""), 8)
    for form in ("_json", "_blob"):
        # Two ways to read "at most twice where rows hold a vector": against watched rows without, against the same rows
        # without triggers. The first has SQLite's own cost of moving the vector in it.
        ratios.at_most(f"trigger_update_with_vector{form}", times("watched" + form, "watched"), 2)
        ratios.at_most(f"trigger_update_against_none{form}", times("watched" + form, "plain" + form), 2)
    ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"triggers: {failure}")
